// Oracle: bytes written by the Python package gguf (scripts/goldens/make_gguf.py), and hand-made
// broken files.
#include "llm/io/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>

#include "../fuzz/io_targets.h"
#include "llm/core/check.h"
#include "llm/core/error.h"
#include "llm/io/gguf_writer.h"
#include "support/error_text.h"
#include "support/paths.h"
#include "support/temp_directory.h"

namespace llm::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::filesystem::path kMixedGguf = test::source_dir() / "tests/golden/gguf/mixed.gguf";

template <class T>
std::vector<T> gguf_values(const GgufFile& file, std::string_view name) {
  const auto bytes = file.bytes(*file.find_tensor(name));
  std::vector<T> out(bytes.size() / sizeof(T));
  std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

template <class T>
std::string raw(T value) {
  std::string out;
  gguf_encoding::append_number(out, value);
  return out;
}
std::string raw_string(std::string_view text) {
  return raw<uint64_t>(text.size()) + std::string(text);
}

std::string gguf_head(uint64_t tensors, uint64_t entries, uint32_t version = 3) {
  return "GGUF" + raw(version) + raw(tensors) + raw(entries);
}
std::string gguf_entry(const std::string& key, GgufType type, const std::string& value) {
  return raw_string(key) + raw(static_cast<uint32_t>(type)) + value;
}
std::string gguf_array(GgufType element, uint64_t count, const std::string& elements) {
  return raw(static_cast<uint32_t>(element)) + raw(count) + elements;
}
// `dimensions` as in the file: the contiguous one first.
std::string gguf_tensor(const std::string& name, const std::vector<uint64_t>& dimensions,
                        uint64_t offset, uint32_t type = 0) {
  std::string out = raw_string(name) + raw(static_cast<uint32_t>(dimensions.size()));
  for (const uint64_t dimension : dimensions) out += raw(dimension);
  return out + raw(type) + raw(offset);
}
// Pads to 32 and appends so many bytes of data.
std::string gguf_with_data(std::string head, size_t size) {
  head.resize((head.size() + 31) / 32 * 32, '\0');
  return head + std::string(size, 'x');
}

class Gguf : public ::testing::Test {
 protected:
  std::string refusal(const std::string& bytes) {
    const fuzz::MemoryFile memory(bytes);
    return test::error_text<core::FormatError>([&] { GgufFile file(memory.path()); });
  }
  std::string entry_refusal(GgufType type, const std::string& value) {
    return refusal(gguf_head(0, 1) + gguf_entry("k", type, value));
  }
  test::TempDirectory directory_;
};

TEST_F(Gguf, ReadsThePackagesMetadata) {
  const GgufFile file(kMixedGguf);
  EXPECT_EQ(file.version(), 3u);
  EXPECT_EQ(file.alignment(), 64u);
  EXPECT_EQ(file.entries().size(), 25u);
  EXPECT_EQ(file.entries().front().key, "general.architecture");
  EXPECT_EQ(file.get("general.architecture").as_string(), "test");
  EXPECT_EQ(file.get("a.u8").as_uint(), 255u);
  EXPECT_EQ(file.get("a.i8").as_int(), -128);
  EXPECT_EQ(file.get("a.u16").as_int(), 65535);
  EXPECT_EQ(file.get("a.i16").as_int(), -32768);
  EXPECT_EQ(file.get("a.u32").as_int(), 4294967295);
  EXPECT_EQ(file.get("a.i32").as_int(), -2147483648);
  EXPECT_EQ(file.get("a.f32").as_float(), static_cast<double>(0.1f));
  EXPECT_TRUE(file.get("a.true").as_bool());
  EXPECT_FALSE(file.get("a.false").as_bool());
  EXPECT_EQ(file.get("a.string").as_string(), "한 \"é\"\n");
  EXPECT_EQ(file.get("a.u64").as_uint(), std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(file.get("a.i64").as_int(), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(file.get("a.f64").as_float(), 0.1);
  EXPECT_EQ(file.find("none"), nullptr);
}

TEST_F(Gguf, ReadsThePackagesArrays) {
  const GgufFile opened(kMixedGguf);
  EXPECT_THAT(opened.get("b.strings").as_strings(), ElementsAre("", "a", "bc", "\u2581de"));
  EXPECT_THAT(opened.get("b.floats").as_floats(), ElementsAre(0.5f, -1.25f, 1e30f));
  EXPECT_THAT(opened.get("b.ints").as_ints(), ElementsAre(1, -2, 3));
  EXPECT_THAT(opened.get("b.bools").as_bools(), ElementsAre(true, false, true));
  EXPECT_THAT(opened.get("b.bytes").as_ints(), ElementsAre(0, 127, 255));
  EXPECT_THAT(opened.get("b.i16s").as_ints(), ElementsAre(-1, 5));
  EXPECT_EQ(opened.get("b.u64s").as_array()[1].as_uint(), uint64_t{1} << 63);
  EXPECT_EQ(opened.get("b.f64s").as_array()[0].as_float(), 0.1);
  const auto nested = opened.get("b.nested").as_array();
  ASSERT_EQ(nested.size(), 3u);
  EXPECT_THAT(nested[2].as_ints(), ElementsAre(4, 5, 6));
  const auto deep = opened.get("b.deep").as_array();
  EXPECT_EQ(opened.get("b.deep").size(), 2u);
  EXPECT_EQ(opened.get("b.deep").element_type(), GgufType::kArray);
  EXPECT_THAT(deep[0].as_array()[1].as_strings(), ElementsAre("y", "z"));
}

TEST_F(Gguf, ReadsThePackagesTensors) {
  const GgufFile file(kMixedGguf);
  EXPECT_EQ(file.tensors().size(), 9u);
  EXPECT_TRUE(file.find_tensor("scalar")->shape.empty());
  EXPECT_THAT(gguf_values<float>(file, "scalar"), ElementsAre(7.5f));
  EXPECT_THAT(gguf_values<float>(file, "vector"), ElementsAre(0, .25f, .5f, .75f, 1));
  EXPECT_THAT(file.find_tensor("matrix")->shape, ElementsAre(2, 3));
  EXPECT_THAT(file.find_tensor("cube")->shape, ElementsAre(2, 3, 4));
  EXPECT_EQ(gguf_values<int32_t>(file, "cube")[23], 23);
  EXPECT_THAT(file.find_tensor("four")->shape, ElementsAre(2, 1, 4, 2));
  EXPECT_THAT(gguf_values<int16_t>(file, "shorts"), ElementsAre(1, -2));
  EXPECT_THAT(gguf_values<int64_t>(file, "longs"), ElementsAre(int64_t{1} << 40));
  EXPECT_EQ(file.find_tensor("blocks")->type, GgmlType::kQ8_0);
  EXPECT_THAT(file.find_tensor("blocks")->shape, ElementsAre(2, 64));
  EXPECT_EQ(file.bytes(*file.find_tensor("blocks")).size(), 4u * 34);
  EXPECT_EQ(file.find_tensor("none"), nullptr);
}

TEST_F(Gguf, ViewsSurviveAMove) {
  GgufFile first(kMixedGguf);
  const GgufValue value = first.get("b.strings");
  const GgufFile second = std::move(first);
  EXPECT_EQ(value.as_strings()[3], "\u2581de");
  EXPECT_THAT(test::error_text<core::FormatError>([&] { value.as_bool(); }),
              HasSubstr("mixed.gguf: b.strings: expected a bool, got array of string"));
  EXPECT_EQ(second.get("a.u8").as_uint(), 255u);
}

GgufMetadata mixed_metadata() {
  GgufMetadata metadata;
  metadata.set("general.architecture", "test");
  metadata.set("a.u8", uint8_t{255});
  metadata.set("a.i8", int8_t{-128});
  metadata.set("a.u16", uint16_t{65535});
  metadata.set("a.i16", int16_t{-32768});
  metadata.set("a.u32", std::numeric_limits<uint32_t>::max());
  metadata.set("a.i32", std::numeric_limits<int32_t>::min());
  metadata.set("a.f32", 0.1f);
  metadata.set("a.true", true);
  metadata.set("a.false", false);
  metadata.set("a.string", std::string("한 \"é\"\n"));
  metadata.set("a.u64", std::numeric_limits<uint64_t>::max());
  metadata.set("a.i64", std::numeric_limits<int64_t>::min());
  metadata.set("a.f64", 0.1);
  metadata.set_alignment(64);
  metadata.set("b.strings", std::vector<std::string_view>{"", "a", "bc", "\u2581de"});
  metadata.set("b.floats", std::vector<float>{0.5f, -1.25f, 1e30f});
  metadata.set("b.ints", std::vector<int32_t>{1, -2, 3});
  metadata.set("b.bools", std::vector<bool>{true, false, true});
  metadata.set("b.bytes", std::vector<uint8_t>{0, 127, 255});
  metadata.set("b.u64s", std::vector<uint64_t>{0, uint64_t{1} << 63});
  metadata.set("b.i16s", std::vector<int16_t>{-1, 5});
  metadata.set("b.f64s", std::vector<double>{0.1});
  metadata.set("b.nested", std::vector<std::vector<int32_t>>{{1, 2}, {3}, {4, 5, 6}});
  using Strings = std::vector<std::string>;
  metadata.set("b.deep", std::vector<std::vector<Strings>>{{Strings{"x"}, Strings{"y", "z"}},
                                                           {Strings{"w"}}});
  return metadata;
}

TEST_F(Gguf, WritesThePackagesBytes) {
  const GgufFile golden(kMixedGguf);
  const auto path = directory_ / "ours.gguf";
  GgufWriter writer(path, mixed_metadata(), golden.tensors());
  for (const GgufTensor& tensor : golden.tensors()) writer.write_next(golden.bytes(tensor));
  writer.commit();
  EXPECT_EQ(test::read_bytes(path), test::read_bytes(kMixedGguf));
}

TEST_F(Gguf, CopiesValuesOfAnotherFile) {
  const GgufFile golden(kMixedGguf);
  GgufMetadata metadata;
  for (const GgufEntry& entry : golden.entries()) {
    if (entry.key == "general.alignment") {
      metadata.set_alignment(static_cast<uint32_t>(entry.value.as_uint()));
    } else {
      metadata.set(entry.key, entry.value);
    }
  }
  EXPECT_EQ(metadata.bytes(), mixed_metadata().bytes());
}

TEST_F(Gguf, ReadsVersion2AndAnEmptyFile) {
  EXPECT_EQ(refusal(gguf_head(0, 0)), "no exception");
  EXPECT_EQ(refusal(gguf_head(0, 0, 2)), "no exception");
}

TEST_F(Gguf, RefusesOtherVersionsAndByteOrders) {
  EXPECT_THAT(refusal(""), HasSubstr("got an empty file"));
  EXPECT_THAT(refusal("GGU"), HasSubstr("begins with"));
  EXPECT_THAT(refusal("ggjt1234567890123456"), HasSubstr("Older formats"));
  EXPECT_THAT(refusal(gguf_head(0, 0, 1)), HasSubstr("byte 4: expected GGUF version 2 or 3, got "
                                                     "version 1"));
  EXPECT_THAT(refusal(gguf_head(0, 0, 4)), HasSubstr("version 4"));
  EXPECT_THAT(refusal(gguf_head(0, 0, 3u << 24)),
              HasSubstr("expected a little-endian GGUF file, got a big-endian one. Convert it"));
}

TEST_F(Gguf, RefusesCountsBeyondTheFile) {
  EXPECT_THAT(refusal(gguf_head(1, 0)), HasSubstr("byte 8: expected counts that fit the 0 bytes"));
  EXPECT_THAT(refusal(gguf_head(uint64_t{1} << 63, 0)), HasSubstr("9223372036854775808 tensors"));
  EXPECT_THAT(refusal(gguf_head(0, UINT64_MAX)), HasSubstr("metadata entries"));
  EXPECT_THAT(entry_refusal(GgufType::kString, raw(UINT64_MAX)),
              HasSubstr("byte 45 (k): expected a string of 18446744073709551615 bytes, got 0"));
  EXPECT_THAT(entry_refusal(GgufType::kArray, gguf_array(GgufType::kF64, UINT64_MAX / 8 + 2, "")),
              HasSubstr("byte 37 (k): expected an array that fits the 0 bytes left, got "
                        "2305843009213693953 elements of type f64"));
  EXPECT_THAT(entry_refusal(GgufType::kArray, gguf_array(GgufType::kString, 3, raw_string("abcd"))),
              HasSubstr("3 elements of type string"));
}

TEST_F(Gguf, RefusesBrokenEntries) {
  EXPECT_THAT(entry_refusal(GgufType{13}, std::string(16, 0)),
              HasSubstr("a value type from 0 to 12, got 13"));
  EXPECT_THAT(entry_refusal(GgufType::kU32, "abc"), HasSubstr("u32 of 4 bytes, got 3 bytes left"));
  EXPECT_THAT(entry_refusal(GgufType::kArray, gguf_array(GgufType{99}, 0, "")),
              HasSubstr("an element type from 0 to 12, got 99"));
  const std::string one = gguf_entry("k", GgufType::kU8, "x");
  EXPECT_THAT(refusal(gguf_head(0, 2) + one + one), HasSubstr("expected every key once, got k"));
  EXPECT_THAT(refusal(gguf_head(0, 1) + gguf_entry("", GgufType::kU8, "xx")),
              HasSubstr("a key of 1 to 65535 bytes, got 0"));
  EXPECT_THAT(refusal(gguf_head(0, 1) + gguf_entry("\xff", GgufType::kU8, "x")),
              HasSubstr("a key in UTF-8"));
}

TEST_F(Gguf, RefusesDeepNesting) {
  const auto nested = [](int depth) {
    std::string value;
    for (int i = 1; i < depth; ++i) value += gguf_array(GgufType::kArray, 1, "");
    return value + gguf_array(GgufType::kU8, 0, "");
  };
  EXPECT_EQ(entry_refusal(GgufType::kArray, nested(8)), "no exception");
  EXPECT_THAT(entry_refusal(GgufType::kArray, nested(9)), HasSubstr("at most 8 arrays"));
  EXPECT_THAT(entry_refusal(GgufType::kArray, nested(100000)), HasSubstr("at most 8 arrays"));
}

TEST_F(Gguf, RefusesBadAlignment) {
  const auto aligned = [&](const std::string& value, GgufType type = GgufType::kU32) {
    return refusal(gguf_head(0, 1) + gguf_entry("general.alignment", type, value));
  };
  EXPECT_EQ(aligned(raw<uint32_t>(8)), "no exception");
  EXPECT_THAT(aligned(raw<uint32_t>(0)), HasSubstr("a u32 that is a power of two, got 0"));
  EXPECT_THAT(aligned(raw<uint32_t>(48)), HasSubstr("got 48"));
  EXPECT_THAT(aligned(raw<uint64_t>(32), GgufType::kU64), HasSubstr("got u64"));
}

TEST_F(Gguf, RefusesBrokenTensors) {
  const auto tensor = [&](const std::string& info, size_t size = 64) {
    return refusal(gguf_with_data(gguf_head(1, 0) + info, size));
  };
  EXPECT_EQ(tensor(gguf_tensor("t", {16}, 0)), "no exception");
  EXPECT_EQ(tensor(gguf_tensor("t", {0, 5}, 0)), "no exception");
  EXPECT_THAT(tensor(gguf_tensor("t", {16}, 0), 63), HasSubstr("(t): expected 64 bytes of data"));
  EXPECT_THAT(tensor(gguf_tensor("t", {1, 1, 1, 1, 1}, 0)), HasSubstr("at most 4 dimensions"));
  EXPECT_THAT(tensor(gguf_tensor("t", {16}, 0, 4)), HasSubstr("a known GGML type, got number 4"));
  EXPECT_THAT(tensor(gguf_tensor("t", {16}, 0, 8)),
              HasSubstr("rows of whole Q8_0 blocks of 32, got shape [16]"));
  EXPECT_THAT(tensor(gguf_tensor("t", {uint64_t{1} << 63}, 0)), HasSubstr("below 2^63"));
  EXPECT_THAT(tensor(gguf_tensor("t", {uint64_t{1} << 62, 2}, 0)), HasSubstr("less than 2^63"));
  EXPECT_THAT(tensor(gguf_tensor("t", {uint64_t{1} << 62}, 0)), HasSubstr("inside the file"));
  EXPECT_THAT(tensor(gguf_tensor("t", {1}, 16)), HasSubstr("a multiple of 32, got offset 16"));
  EXPECT_THAT(tensor(gguf_tensor("t", {1}, UINT64_MAX - 31)), HasSubstr("inside the file"));
  EXPECT_THAT(tensor(gguf_tensor(std::string(65, 'n'), {1}, 0)), HasSubstr("1 to 64 bytes"));
}

TEST_F(Gguf, RefusesOverlapsAndDuplicates) {
  const auto two = [&](const std::string& name, uint64_t offset) {
    return refusal(gguf_with_data(
        gguf_head(2, 0) + gguf_tensor("a", {16}, 0) + gguf_tensor(name, {8}, offset), 96));
  };
  EXPECT_EQ(two("b", 64), "no exception");
  EXPECT_THAT(two("b", 32), HasSubstr("(b): expected data of its own, got data inside those of a"));
  EXPECT_THAT(two("b", 0), HasSubstr("data of its own"));
  EXPECT_THAT(two("a", 64), HasSubstr("every tensor once"));
}

// Every proper prefix of a good file is refused, but for the padding behind the last tensor.
TEST_F(Gguf, RefusesEveryTruncation) {
  const std::string whole = test::read_bytes(kMixedGguf);
  const GgufFile golden(kMixedGguf);
  const size_t needed = golden.data_start() + golden.tensors().back().end;
  for (size_t size = 0; size < needed; ++size) {
    ASSERT_NE(refusal(whole.substr(0, size)), "no exception") << size;
  }
  EXPECT_EQ(refusal(whole.substr(0, needed)), "no exception");
}

TEST_F(Gguf, GettersNameFileKeyAndType) {
  const GgufFile file(kMixedGguf);
  const auto message = [&](auto&& call) { return test::error_text<core::FormatError>(call); };
  EXPECT_THAT(message([&] { file.get("x.y"); }),
              HasSubstr("mixed.gguf: expected metadata entry x.y, got none"));
  EXPECT_THAT(message([&] { file.get("a.u64").as_int(); }),
              HasSubstr("a.u64: expected an integer below 2^63, got u64 18446744073709551615"));
  EXPECT_THAT(message([&] { file.get("a.i8").as_uint(); }), HasSubstr("got i8 -128"));
  EXPECT_THAT(message([&] { file.get("a.u8").as_float(); }), HasSubstr("got u8 255"));
  EXPECT_THAT(message([&] { file.get("a.f32").as_int(); }), HasSubstr("an integer, got f32"));
  EXPECT_THAT(message([&] { file.get("a.u8").as_string(); }), HasSubstr("expected a string"));
  EXPECT_THAT(message([&] { file.get("b.ints").as_strings(); }),
              HasSubstr("b.ints: expected an array of string, got array of i32"));
  EXPECT_THAT(message([&] { file.get("b.strings").as_ints(); }), HasSubstr("array of string"));
  EXPECT_THAT(message([&] { file.get("b.u64s").as_ints(); }), HasSubstr("below 2^63"));
  EXPECT_THAT(message([&] { file.get("b.ints").as_floats(); }), HasSubstr("array of f32"));
  EXPECT_THAT(message([&] { file.get("a.u8").as_array(); }), HasSubstr("expected an array"));
}

TEST_F(Gguf, ABoolIsZeroOrOne) {
  const auto path =
      directory_.file("x", gguf_head(0, 1) + gguf_entry("k", GgufType::kBool, "\x02"));
  const GgufFile file(path);
  EXPECT_THAT(test::error_text<core::FormatError>([&] { file.get("k").as_bool(); }),
              HasSubstr("k: expected a bool of 0 or 1, got 2"));
}

TEST_F(Gguf, WriterRefusesBrokenContracts) {
  GgufMetadata metadata;
  metadata.set("k", uint32_t{1});
  EXPECT_THROW(metadata.set("k", uint32_t{1}), core::ContractViolation);
  EXPECT_THROW(metadata.set("", uint32_t{1}), core::ContractViolation);
  EXPECT_THROW(metadata.set("general.alignment", uint32_t{64}), core::ContractViolation);
  EXPECT_THROW(GgufMetadata().set_alignment(24), core::ContractViolation);
  const auto refuses = [&](std::vector<GgufTensor> tensors) {
    EXPECT_THROW(GgufWriter(directory_ / "y", metadata, std::move(tensors)),
                 core::ContractViolation);
  };
  refuses({{.name = "a", .shape = {}}, {.name = "a", .shape = {}}});
  refuses({{.name = "", .shape = {}}});
  refuses({{.name = std::string(64, 'n'), .shape = {}}});
  refuses({{.name = "a", .shape = {1, 1, 1, 1, 1}}});
  refuses({{.name = "a", .type = GgmlType::kQ4_K, .shape = {2, 128}}});
  GgufWriter writer(directory_ / "x", metadata, {{.name = "a", .shape = {2}}});
  EXPECT_THROW(writer.write_next(std::vector<std::byte>(4)), core::ContractViolation);
  EXPECT_THROW(writer.commit(), core::ContractViolation);
  writer.write_next(std::vector<std::byte>(8));
  EXPECT_THROW(writer.write_next({}), core::ContractViolation);
}

TEST_F(Gguf, AnUnfinishedWriterLeavesNothing) {
  { GgufWriter writer(directory_ / "x", {}, {{.name = "a", .shape = {2}}}); }
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
}

}  // namespace
}  // namespace llm::io
