#include "io/safetensors_header.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <optional>

#include "llm/core/arith.h"
#include "llm/core/check.h"
#include "llm/core/error.h"
#include "llm/io/json.h"

namespace llm::io {
namespace {

struct DtypeRow {
  TensorDtype dtype;
  const char* name;
  int64_t size;
};
constexpr std::array kDtypes{
    DtypeRow{TensorDtype::kF64, "F64", 8},        DtypeRow{TensorDtype::kF32, "F32", 4},
    DtypeRow{TensorDtype::kF16, "F16", 2},        DtypeRow{TensorDtype::kBF16, "BF16", 2},
    DtypeRow{TensorDtype::kF8E4M3, "F8_E4M3", 1}, DtypeRow{TensorDtype::kF8E5M2, "F8_E5M2", 1},
    DtypeRow{TensorDtype::kI64, "I64", 8},        DtypeRow{TensorDtype::kI32, "I32", 4},
    DtypeRow{TensorDtype::kI16, "I16", 2},        DtypeRow{TensorDtype::kI8, "I8", 1},
    DtypeRow{TensorDtype::kU8, "U8", 1},          DtypeRow{TensorDtype::kBool, "BOOL", 1},
};

const DtypeRow& row_of(TensorDtype dtype) {
  for (const DtypeRow& row : kDtypes) {
    if (row.dtype == dtype) return row;
  }
  LLM_CHECK(false, "unknown dtype {}", static_cast<int>(dtype));
  return kDtypes[0];
}

[[noreturn]] void fail(const std::string& where, const std::string& expected,
                       const std::string& got, const std::string& hint = "") {
  throw core::FormatError({.where = where, .expected = expected, .got = got, .hint = hint});
}

const Json& member(const Json& object, const char* name, const std::string& where) {
  const auto found = object.find(name);
  if (found == object.end()) fail(where, fmt::format("a \"{}\"", name), "none");
  return *found;
}

TensorDtype parse_dtype(const Json& json, const std::string& where) {
  for (const DtypeRow& row : kDtypes) {
    if (json.is_string() && json.get_ref<const std::string&>() == row.name) return row.dtype;
  }
  std::vector<std::string> names;
  for (const DtypeRow& row : kDtypes) names.emplace_back(row.name);
  fail(where, fmt::format("a dtype among {}", fmt::join(names, ", ")), json.dump());
}

// Whole numbers from 0 to 2^63 - 1.
std::vector<int64_t> parse_sizes(const Json& json, const char* name, const std::string& where) {
  const std::string expected = fmt::format("\"{}\" to be a list of whole numbers >= 0", name);
  if (!json.is_array()) fail(where, expected, json.type_name());
  std::vector<int64_t> sizes;
  for (const Json& size : json) {
    const bool fits = size.is_number_unsigned() && std::in_range<int64_t>(size.get<uint64_t>());
    if (!fits) fail(where, expected, size.is_structured() ? size.type_name() : size.dump());
    sizes.push_back(size.get<int64_t>());
  }
  return sizes;
}

TensorEntry parse_entry(const std::string& name, const Json& json, const std::string& where) {
  if (!json.is_object()) fail(where, "an object", json.type_name());
  for (const auto& [key, unused] : json.items()) {
    if (key == "dtype" || key == "shape" || key == "data_offsets") continue;
    fail(where, "\"dtype\", \"shape\" and \"data_offsets\"", "also \"" + key + "\"");
  }
  TensorEntry entry;
  entry.name = name;
  entry.dtype = parse_dtype(member(json, "dtype", where), where);
  entry.shape = parse_sizes(member(json, "shape", where), "shape", where);
  const auto offsets = parse_sizes(member(json, "data_offsets", where), "data_offsets", where);
  if (offsets.size() != 2) fail(where, "2 data_offsets", std::to_string(offsets.size()));
  entry.begin = static_cast<uint64_t>(offsets[0]);
  entry.end = static_cast<uint64_t>(offsets[1]);
  return entry;
}

std::map<std::string, std::string> parse_metadata(const Json& json, const std::string& where) {
  const std::string place = where + ": __metadata__";
  if (!json.is_object()) fail(place, "an object", json.type_name());
  std::map<std::string, std::string> metadata;
  for (const auto& [key, value] : json.items()) {
    if (!value.is_string()) fail(place, "text as every value", key + " is " + value.type_name());
    metadata[key] = value.get<std::string>();
  }
  return metadata;
}

void check_size(const TensorEntry& entry, uint64_t data_size, const std::string& place) {
  if (entry.begin > entry.end || entry.end > data_size) {
    fail(place, fmt::format("data_offsets inside the {} bytes of data", data_size),
         fmt::format("[{}, {}]", entry.begin, entry.end), "The file may have been cut short");
  }
  const uint64_t size = tensor_byte_size(entry, place);
  if (entry.end - entry.begin != size) {
    fail(place,
         fmt::format("{} bytes for {} [{}]", size, dtype_name(entry.dtype),
                     fmt::join(entry.shape, ", ")),
         fmt::format("{} bytes", entry.end - entry.begin));
  }
}

// Sorted entries must cover the data without overlap or hole.
void check_cover(const std::vector<TensorEntry>& entries, uint64_t data_size,
                 const std::string& where) {
  uint64_t end = 0;
  for (const TensorEntry& entry : entries) {
    if (entry.begin != end) {
      fail(where + ": " + entry.name, fmt::format("data from byte {} on", end),
           fmt::format("byte {}: {}", entry.begin,
                       entry.begin < end ? "it overlaps the tensor before" : "it leaves a hole"));
    }
    end = entry.end;
  }
  if (end != data_size) {
    fail(where, fmt::format("{} bytes of data, as the header says", end),
         fmt::format("{} bytes", data_size));
  }
}

}  // namespace

const char* dtype_name(TensorDtype dtype) { return row_of(dtype).name; }
int64_t dtype_size(TensorDtype dtype) { return row_of(dtype).size; }

uint64_t tensor_byte_size(const TensorEntry& entry, const std::string& where) {
  auto size = static_cast<unsigned __int128>(dtype_size(entry.dtype));
  const bool is_empty = std::find(entry.shape.begin(), entry.shape.end(), 0) != entry.shape.end();
  if (is_empty) return 0;
  for (const int64_t dimension : entry.shape) {
    size *= static_cast<unsigned __int128>(dimension);
    if (size > static_cast<unsigned __int128>(std::numeric_limits<int64_t>::max())) {
      fail(where, "a tensor of less than 2^63 bytes",
           fmt::format("shape [{}]", fmt::join(entry.shape, ", ")));
    }
  }
  return static_cast<uint64_t>(size);
}

SafetensorsHeader parse_safetensors_header(std::string_view text, uint64_t data_size,
                                           const std::string& where) {
  const Json json = parse_json_unique(text, where + ": header");
  if (!json.is_object()) fail(where + ": header", "an object", json.type_name());
  SafetensorsHeader header;
  for (const auto& [name, value] : json.items()) {
    if (name == "__metadata__") {
      header.metadata = parse_metadata(value, where);
      continue;
    }
    const std::string place = where + ": " + name;
    header.entries.push_back(parse_entry(name, value, place));
    check_size(header.entries.back(), data_size, place);
  }
  // An empty tensor shares its offset with the next one and goes before it.
  std::sort(header.entries.begin(), header.entries.end(), [](const auto& a, const auto& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  check_cover(header.entries, data_size, where);
  return header;
}

std::string write_safetensors_header(std::span<const TensorEntry> entries,
                                     const std::map<std::string, std::string>& metadata) {
  std::string json = "{\"__metadata__\":" + Json(metadata).dump();
  for (const TensorEntry& entry : entries) {
    json += fmt::format(",{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                        Json(entry.name).dump(), dtype_name(entry.dtype),
                        fmt::join(entry.shape, ","), entry.begin, entry.end);
  }
  json += '}';
  json.resize(core::round_up<size_t>(json.size(), 8), ' ');
  const uint64_t length = json.size();
  std::string out(sizeof length, '\0');
  std::memcpy(out.data(), &length, sizeof length);
  return out + json;
}

}  // namespace llm::io
