#include "train/optimizer_files.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

#include "llm/core/check.h"
#include "llm/core/error.h"
#include "llm/io/safetensors_parts.h"
#include "llm/tensor/device.h"

namespace llm::train {

namespace {

namespace fs = std::filesystem;

struct Moment {
  const char* name;
  at::Tensor SavedPart::*values;
};
constexpr Moment kMoments[] = {{"exp_avg", &SavedPart::exp_avg},
                               {"exp_avg_sq", &SavedPart::exp_avg_sq}};
constexpr int64_t kBytesPerElement = 2 * sizeof(float);  // both moments

// Elements [begin, end) of one parameter.
struct Piece {
  const tensor::ParameterRange* parameter = nullptr;
  int64_t begin = 0;
  int64_t end = 0;
};
using OptimizerFile = std::vector<Piece>;

std::vector<OptimizerFile> plan_files(const tensor::ParameterStore& store, int64_t max_file_bytes) {
  const int64_t max_elements = std::max<int64_t>(max_file_bytes / kBytesPerElement, 1);
  std::vector<OptimizerFile> files(1);
  int64_t room = max_elements;
  for (const tensor::ParameterRange& parameter : store.parameters()) {
    for (int64_t begin = 0; begin < parameter.numel;) {
      if (room == 0) {
        files.emplace_back();
        room = max_elements;
      }
      const int64_t end = std::min(parameter.numel, begin + room);
      files.back().push_back({&parameter, begin, end});
      room -= end - begin;
      begin = end;
    }
  }
  return files;
}

std::string vector_name(const Moment& moment, const Piece& piece) {
  return fmt::format("{}|{}|{}:{}", moment.name, piece.parameter->spec.name, piece.begin,
                     piece.end);
}

fs::path file_path(const fs::path& checkpoint, size_t index, size_t count) {
  return checkpoint / "trainer" /
         fmt::format("optimizer-{:05}-of-{:05}.safetensors", index + 1, count);
}

// One vector of a file that is read.
struct ReadVector {
  const io::SafetensorsFile* file = nullptr;
  const io::TensorEntry* entry = nullptr;
  int64_t begin = 0;
  int64_t end = 0;
};
// Moment and parameter, "exp_avg|NAME", with its vectors in ascending order.
using VectorTable = std::map<std::string, std::vector<ReadVector>>;

core::FormatError wrong_vectors(const fs::path& where, const std::string& expected,
                                const std::string& got) {
  return core::FormatError({where.string(), expected, got,
                            "The checkpoint was written for another model; resume another one or "
                            "start with --resume never"});
}

ReadVector parse_name(const io::SafetensorsFile& file, const io::TensorEntry& entry,
                      std::string& key) {
  const size_t bar = entry.name.rfind('|');
  ReadVector vector{&file, &entry};
  char colon = 0;
  std::istringstream range(bar == std::string::npos ? "" : entry.name.substr(bar + 1));
  range >> vector.begin >> colon >> vector.end;
  const bool is_right = !range.fail() && range.peek() == std::istringstream::traits_type::eof() &&
                        colon == ':' && entry.dtype == io::TensorDtype::kF32 &&
                        entry.shape == std::vector<int64_t>{vector.end - vector.begin};
  if (!is_right)
    throw wrong_vectors(file.path(), "F32 vectors MOMENT|NAME|BEGIN:END of length END - BEGIN",
                        entry.name);
  key = entry.name.substr(0, bar);
  return vector;
}

VectorTable read_table(const std::vector<std::unique_ptr<io::SafetensorsFile>>& files) {
  VectorTable table;
  for (const auto& file : files) {
    for (const io::TensorEntry& entry : file->entries()) {
      std::string key;
      const ReadVector vector = parse_name(*file, entry, key);
      table[key].push_back(vector);
    }
  }
  for (auto& [key, vectors] : table)
    std::ranges::sort(vectors, {}, [](const ReadVector& vector) { return vector.begin; });
  return table;
}

void require_whole(const fs::path& folder, const std::string& key, int64_t numel,
                   const std::vector<ReadVector>& vectors) {
  int64_t end = 0;
  for (const ReadVector& vector : vectors) {
    if (vector.begin != end) break;
    end = vector.end;
  }
  const bool is_whole = end == numel && !vectors.empty() && vectors.back().end == end;
  if (!is_whole) {
    throw wrong_vectors(folder, fmt::format("elements 0:{} of {}, each once", numel, key),
                        vectors.empty() ? "none" : fmt::format("0:{}, or some twice", end));
  }
}

std::vector<std::unique_ptr<io::SafetensorsFile>> open_files(const fs::path& folder) {
  std::vector<fs::path> paths;
  if (fs::is_directory(folder)) {
    for (const auto& entry : fs::directory_iterator(folder)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with("optimizer-") && name.ends_with(".safetensors"))
        paths.push_back(entry.path());
    }
  }
  std::ranges::sort(paths);
  std::vector<std::unique_ptr<io::SafetensorsFile>> files;
  for (const fs::path& path : paths) files.push_back(std::make_unique<io::SafetensorsFile>(path));
  return files;
}

void copy_vector(const ReadVector& vector, const tensor::ParameterRange& parameter,
                 const tensor::ParameterStore& store, at::Tensor flat) {
  const at::Tensor whole = tensor::view_of(*vector.file, *vector.entry);
  const auto read = [&](const tensor::ArenaRange& part, int64_t begin) {
    flat.narrow(0, begin, part.numel)
        .copy_(whole.narrow(0, part.offset - parameter.offset - vector.begin, part.numel));
  };
  store.for_each_with_moments({parameter.offset + vector.begin, vector.end - vector.begin}, read);
  vector.file->release(*vector.entry);
}

}  // namespace

void create_optimizer_files(const fs::path& checkpoint, const tensor::ParameterStore& store,
                            int64_t max_file_bytes) {
  LLM_CHECK(max_file_bytes > 0);
  const auto files = plan_files(store, max_file_bytes);
  for (size_t i = 0; i < files.size(); ++i) {
    std::vector<io::TensorEntry> entries;
    for (const Moment& moment : kMoments) {
      for (const Piece& piece : files[i])
        entries.push_back(
            {vector_name(moment, piece), io::TensorDtype::kF32, {piece.end - piece.begin}});
    }
    io::create_safetensors(file_path(checkpoint, i, files.size()), std::move(entries));
  }
}

std::vector<StoredRange> stored_moments(const tensor::ParameterStore& store,
                                        int64_t max_file_bytes) {
  std::vector<StoredRange> stored;
  for (const OptimizerFile& file : plan_files(store, max_file_bytes)) {
    for (const Moment& moment : kMoments) {
      for (const Piece& piece : file) {
        stored.push_back({vector_name(moment, piece),
                          {piece.parameter->offset + piece.begin, piece.end - piece.begin},
                          moment.values});
      }
    }
  }
  return stored;
}

void load_optimizer(const fs::path& checkpoint, tensor::ParameterStore& store) {
  const at::NoGradGuard no_grad;
  const fs::path folder = checkpoint / "trainer";
  const auto files = open_files(folder);
  VectorTable table = read_table(files);
  for (const Moment& moment : kMoments) {
    for (const tensor::ParameterRange& parameter : store.parameters()) {
      const std::string key = fmt::format("{}|{}", moment.name, parameter.spec.name);
      const auto vectors = table.extract(key);
      require_whole(folder, key, parameter.numel,
                    vectors ? vectors.mapped() : std::vector<ReadVector>{});
      const bool is_first = moment.values == &SavedPart::exp_avg;
      const at::Tensor flat = is_first ? store.flat_exp_avg() : store.flat_exp_avg_sq();
      for (const ReadVector& vector : vectors.mapped()) copy_vector(vector, parameter, store, flat);
    }
  }
  if (!table.empty())
    throw wrong_vectors(folder, "vectors of this model's parameters", table.begin()->first);
}

}  // namespace llm::train
