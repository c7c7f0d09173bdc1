// Oracle: bytes written by the Python package safetensors (scripts/goldens/make_safetensors.py),
// and hand-made broken files.
#include "llm/io/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "llm/core/check.h"
#include "llm/core/error.h"
#include "support/error_text.h"
#include "support/paths.h"
#include "support/temp_directory.h"

namespace llm::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::filesystem::path kGolden = test::source_dir() / "tests/golden/io/mixed.safetensors";

// A file with that header (padded by the caller) and so many data bytes.
std::string file_bytes(const std::string& header, size_t data_size) {
  const uint64_t length = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + std::string(data_size, 'x');
}

class Safetensors : public ::testing::Test {
 protected:
  std::string refusal(const std::string& bytes) {
    const auto path = directory_.file("model.safetensors", bytes);
    return test::error_text<core::FormatError>([&] { SafetensorsFile file(path); });
  }
  test::TempDirectory directory_;
};

template <class T>
std::vector<T> values(const SafetensorsFile& file, const std::string& name) {
  const auto bytes = file.bytes(*file.find(name));
  std::vector<T> out(bytes.size() / sizeof(T));
  std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

TEST_F(Safetensors, ReadsThePackagesFile) {
  const SafetensorsFile file(kGolden);
  EXPECT_EQ(file.entries().size(), 8u);
  EXPECT_THAT(file.metadata(), ElementsAre(std::pair("format", "pt")));
  EXPECT_THAT(file.find("layers.0.weight")->shape, ElementsAre(2, 3));
  EXPECT_THAT(values<float>(file, "layers.0.weight"), ElementsAre(0, .25, .5, .75, 1, 1.25));
  EXPECT_THAT(values<int64_t>(file, "positions"), ElementsAre(1, -2, int64_t{1} << 40));
  EXPECT_THAT(values<int32_t>(file, "scalar"), ElementsAre(7));
  EXPECT_TRUE(file.find("scalar")->shape.empty());
  EXPECT_THAT(file.find("empty")->shape, ElementsAre(0, 4));
  EXPECT_EQ(file.find("mask \"é\"")->dtype, TensorDtype::kBool);
  EXPECT_EQ(file.find("none"), nullptr);
}

TEST_F(Safetensors, WritesThePackagesBytes) {
  const SafetensorsFile golden(kGolden);
  const auto path = directory_ / "ours.safetensors";
  SafetensorsWriter writer(path, golden.entries());
  for (const TensorEntry& entry : golden.entries()) writer.write_next(golden.bytes(entry));
  writer.commit();
  EXPECT_EQ(test::read_bytes(path), test::read_bytes(kGolden));
}

TEST_F(Safetensors, EveryDtypeAndMetadataRoundTrip) {
  std::vector<TensorEntry> entries;
  for (int i = 0; i <= static_cast<int>(TensorDtype::kBool); ++i) {
    const auto dtype = static_cast<TensorDtype>(i);
    entries.push_back({.name = dtype_name(dtype), .dtype = dtype, .shape = {3, 1}});
  }
  const auto path = directory_ / "all.safetensors";
  SafetensorsWriter writer(path, entries, {{"format", "mlx"}, {"note", "\"x\"\n"}});
  for (size_t i = 0; i < entries.size(); ++i) {
    writer.write_next(std::vector<std::byte>(static_cast<size_t>(3 * dtype_size(entries[i].dtype)),
                                             static_cast<std::byte>(i)));
  }
  writer.commit();
  const SafetensorsFile file(path);
  EXPECT_EQ(file.metadata().at("format"), "mlx");
  EXPECT_EQ(file.metadata().at("note"), "\"x\"\n");
  for (size_t i = 0; i < entries.size(); ++i) {
    const TensorEntry* entry = file.find(entries[i].name);
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(entry->dtype, entries[i].dtype);
    EXPECT_EQ(file.bytes(*entry).back(), static_cast<std::byte>(i));
  }
}

TEST_F(Safetensors, HeaderIsPaddedToEightBytes) {
  for (size_t length = 1; length <= 8; ++length) {
    const auto path = directory_ / "x";
    SafetensorsWriter writer(path, {{.name = std::string(length, 'n'), .shape = {}}});
    writer.write_next(std::vector<std::byte>(4));
    writer.commit();
    EXPECT_EQ(test::read_bytes(path).size() % 8, 4u);
  }
}

TEST_F(Safetensors, RefusesBrokenFiles) {
  EXPECT_THAT(refusal(""), HasSubstr("got an empty file"));
  EXPECT_THAT(refusal(file_bytes("{}", 0).substr(0, 9)), HasSubstr("at most 1 bytes, got 2 bytes"));
  EXPECT_THAT(refusal(std::string(64, '\xff')), HasSubstr("a header of at most 56 bytes"));
  EXPECT_THAT(refusal(file_bytes("{\"a\"", 0)), HasSubstr("header:1:5: expected valid JSON"));
  EXPECT_THAT(refusal(file_bytes("[]", 0)), HasSubstr("header: expected an object, got array"));
}

TEST_F(Safetensors, RefusesBrokenEntries) {
  const auto entry = [&](const std::string& body, size_t data_size = 8) {
    return refusal(file_bytes("{\"w\":" + body + "}", data_size));
  };
  EXPECT_THAT(entry("3"), HasSubstr("w: expected an object, got number"));
  EXPECT_THAT(entry(R"({"dtype":"F32","shape":[2]})"), HasSubstr("expected a \"data_offsets\""));
  EXPECT_THAT(entry(R"({"dtype":"F31","shape":[2],"data_offsets":[0,8]})"),
              HasSubstr("a dtype among F64, F32, "));
  EXPECT_THAT(entry(R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})"), HasSubstr("got -2"));
  EXPECT_THAT(entry(R"({"dtype":"F32","shape":[2.0],"data_offsets":[0,8]})"), HasSubstr("2.0"));
  EXPECT_THAT(entry(R"({"dtype":"F32","shape":2,"data_offsets":[0,8]})"), HasSubstr("a list"));
  EXPECT_THAT(entry(R"({"dtype":"F32","shape":[2],"data_offsets":[0]})"), HasSubstr("got 1"));
  EXPECT_THAT(entry(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1})"),
              HasSubstr("also \"x\""));
  EXPECT_THAT(entry(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})"), HasSubstr("[8, 0]"));
}

TEST_F(Safetensors, RefusesSizesThatDisagree) {
  const auto with = [&](const std::string& shape, const std::string& offsets, size_t data_size) {
    return refusal(file_bytes(
        R"({"w":{"dtype":"F32","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}",
        data_size));
  };
  EXPECT_THAT(with("[3]", "[0,8]", 8), HasSubstr("12 bytes for F32 [3], got 8 bytes"));
  EXPECT_THAT(with("[2]", "[0,8]", 7), HasSubstr("inside the 7 bytes of data, got [0, 8]"));
  EXPECT_THAT(with("[2]", "[0,8]", 9), HasSubstr("8 bytes of data, as the header says, got 9"));
  EXPECT_THAT(with("[2]", "[1,9]", 9), HasSubstr("from byte 0 on, got byte 1: it leaves a hole"));
  EXPECT_THAT(with("[4611686018427387904]", "[0,0]", 0), HasSubstr("less than 2^63 bytes"));
  EXPECT_THAT(with("[9223372036854775807,9223372036854775807,16]", "[0,8]", 8),
              HasSubstr("less than 2^63 bytes"));
  EXPECT_EQ(with("[9223372036854775807,0]", "[0,0]", 0), "no exception");
}

TEST_F(Safetensors, RefusesOverlapsHolesAndDuplicates) {
  const auto two = [&](const std::string& name, const std::string& second, size_t data_size) {
    return refusal(file_bytes(R"({"a":{"dtype":"I8","shape":[4],"data_offsets":[0,4]},")" + name +
                                  R"(":{"dtype":"I8","shape":[4],"data_offsets":)" + second + "}}",
                              data_size));
  };
  EXPECT_EQ(two("b", "[4,8]", 8), "no exception");
  EXPECT_THAT(two("b", "[2,6]", 6), HasSubstr("b: expected data from byte 4 on, got byte 2: it "
                                              "overlaps the tensor before"));
  EXPECT_THAT(two("b", "[0,4]", 4), HasSubstr("overlaps"));
  EXPECT_THAT(two("b", "[6,10]", 10), HasSubstr("got byte 6: it leaves a hole"));
  EXPECT_THAT(two("a", "[4,8]", 8), HasSubstr("\"a\" twice"));
}

TEST_F(Safetensors, RefusesMetadataThatIsNoText) {
  EXPECT_THAT(refusal(file_bytes(R"({"__metadata__":{"n":1}})", 0)),
              HasSubstr("__metadata__: expected text as every value, got n is number"));
  EXPECT_THAT(refusal(file_bytes(R"({"__metadata__":[]})", 0)), HasSubstr("got array"));
}

// Every proper prefix of a good file is refused.
TEST_F(Safetensors, RefusesEveryTruncation) {
  const std::string whole = test::read_bytes(kGolden);
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_NE(refusal(whole.substr(0, size)), "no exception") << size;
  }
}

TEST_F(Safetensors, WriterRefusesBrokenContracts) {
  const std::vector<TensorEntry> entries{{.name = "a", .shape = {2}}, {.name = "b", .shape = {1}}};
  SafetensorsWriter writer(directory_ / "x", entries);
  EXPECT_THROW(writer.write_next(std::vector<std::byte>(4)), core::ContractViolation);
  writer.write_next(std::vector<std::byte>(8));
  EXPECT_THROW(writer.commit(), core::ContractViolation);
  writer.write_next(std::vector<std::byte>(4));
  EXPECT_THROW(writer.write_next({}), core::ContractViolation);
  const std::vector<TensorEntry> twice{{.name = "a", .shape = {}}, {.name = "a", .shape = {}}};
  EXPECT_THROW(SafetensorsWriter(directory_ / "y", twice), core::ContractViolation);
}

TEST_F(Safetensors, AnUnfinishedWriterLeavesNothing) {
  { SafetensorsWriter writer(directory_ / "x", {{.name = "a", .shape = {2}}}); }
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
}

}  // namespace
}  // namespace llm::io
