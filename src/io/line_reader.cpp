#include "llm/io/line_reader.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <vector>

#include "io/decompressor.h"
#include "io/file_descriptor.h"
#include "llm/core/check.h"
#include "llm/core/error.h"
#include "llm/io/file.h"

namespace llm::io {
namespace {

constexpr size_t kChunkSize = size_t{1} << 18;
constexpr size_t kMaxLineSize = size_t{1} << 30;

}  // namespace

struct ByteReader::State {
  explicit State(const std::filesystem::path& file_path)
      : path(file_path), file(open_for_reading(file_path)), buffer(kChunkSize) {
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) throw_os_error(path, "cannot be examined", errno);
    size = static_cast<uint64_t>(status.st_size);
    refill();
    constexpr uint64_t kUnknown = std::numeric_limits<uint64_t>::max();
    decompressor =
        make_decompressor({buffer.data(), end}, S_ISREG(status.st_mode) ? size : kUnknown);
  }

  void refill() {
    begin = 0;
    end = read_fully(file, buffer.data(), buffer.size(), path);
    file_position += end;
    is_file_ended = end < buffer.size();
  }

  uint64_t position() const { return file_position - (end - begin); }

  [[noreturn]] void fail(const std::string& expected, const std::string& got,
                         const std::string& hint) const {
    throw core::FormatError({.where = fmt::format("{}: byte {}", shown_path(path), position()),
                             .expected = expected,
                             .got = got,
                             .hint = hint});
  }

  std::filesystem::path path;
  FileDescriptor file;
  std::vector<char> buffer;  // [begin, end) is not consumed yet
  size_t begin = 0;
  size_t end = 0;
  uint64_t file_position = 0;
  uint64_t size = 0;
  bool is_file_ended = false;
  std::unique_ptr<Decompressor> decompressor;
};

ByteReader::ByteReader(const std::filesystem::path& path) : state_(new State(path)) {}
ByteReader::~ByteReader() = default;

size_t ByteReader::read(char* out, size_t capacity) {
  State& state = *state_;
  LLM_CHECK(capacity > 0);
  while (true) {
    if (state.begin == state.end && !state.is_file_ended) state.refill();
    std::string problem;
    const DecompressStep step = state.decompressor->step(
        {state.buffer.data() + state.begin, state.end - state.begin}, out, capacity, problem);
    if (!problem.empty()) {
      state.fail("intact compressed data", problem, "The file is damaged; fetch it again");
    }
    state.begin += step.consumed;
    if (step.produced > 0) return step.produced;
    const bool is_drained = state.begin == state.end;
    if (step.consumed > 0 || (is_drained && !state.is_file_ended)) continue;
    if (is_drained && state.decompressor->may_end()) return 0;
    state.fail("more compressed data", "the end of the file",
               "The file was cut short; fetch it again");
  }
}

uint64_t ByteReader::compressed_position() const { return state_->position(); }
uint64_t ByteReader::compressed_size() const { return state_->size; }

struct LineReader::State {
  explicit State(const std::filesystem::path& file_path)
      : path(file_path), bytes(file_path), buffer(kChunkSize) {}

  std::filesystem::path path;
  ByteReader bytes;
  std::vector<char> buffer;  // [begin, end) is not returned yet
  size_t begin = 0;
  size_t end = 0;
  uint64_t line_number = 0;
};

LineReader::LineReader(const std::filesystem::path& path) : state_(new State(path)) {}
LineReader::~LineReader() = default;

std::optional<std::string> LineReader::next() {
  State& state = *state_;
  std::string line;
  bool is_ended = false;  // by '\n' or by the end of the file
  bool has_bytes = false;
  while (!is_ended) {
    if (state.begin == state.end) {
      state.begin = 0;
      state.end = state.bytes.read(state.buffer.data(), state.buffer.size());
      if (state.end == 0) break;
    }
    has_bytes = true;
    const char* start = state.buffer.data() + state.begin;
    const size_t available = state.end - state.begin;
    const auto* newline = static_cast<const char*>(std::memchr(start, '\n', available));
    is_ended = newline != nullptr;
    const size_t length = is_ended ? static_cast<size_t>(newline - start) : available;
    line.append(start, length);
    state.begin += length + (is_ended ? 1 : 0);
    if (line.size() > kMaxLineSize) {
      throw core::DataError(
          {.where = fmt::format("{}:{}", shown_path(state.path), state.line_number + 1),
           .expected = "lines of at most 1 GiB",
           .got = "a longer one",
           .hint = "Is this a text file with one record a line?"});
    }
  }
  if (!has_bytes) return std::nullopt;
  ++state.line_number;
  if (is_ended && line.ends_with('\r')) line.pop_back();
  return line;
}

uint64_t LineReader::line_number() const { return state_->line_number; }
const ByteReader& LineReader::bytes() const { return state_->bytes; }

}  // namespace llm::io
