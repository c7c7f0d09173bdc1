#include "llm/io/tfevents.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <chrono>

#include "io/file_descriptor.h"
#include "llm/io/file.h"
#include "llm/io/protobuf_writer.h"

namespace llm::io {
namespace {

double wall_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  return name.data();
}

// TensorBoard reads a directory's files in the order of their names, so the time comes first, and
// the count tells apart files of the same second.
std::string file_name() {
  static std::atomic<int> count{0};
  return fmt::format("events.out.tfevents.{:010}.{}.{}.{}", static_cast<int64_t>(wall_time()),
                     host_name(), ::getpid(), count++);
}

template <class T>
void append_le(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

uint32_t masked_crc(std::string_view bytes) { return std::rotr(crc32c(bytes), 15) + 0xA282EAD8u; }

std::string framed(std::string_view payload) {
  std::string record;
  append_le(record, static_cast<uint64_t>(payload.size()));
  append_le(record, masked_crc(record));
  record += payload;
  append_le(record, masked_crc(payload));
  return record;
}

ProtobufWriter event(int64_t step) {
  ProtobufWriter writer;
  writer.fixed64(1, wall_time());
  if (step != 0) writer.varint(2, static_cast<uint64_t>(step));
  return writer;
}

std::string summary(std::span<const ScalarSummary> scalars) {
  ProtobufWriter values;
  for (const ScalarSummary& scalar : scalars) {
    ProtobufWriter value;
    value.bytes(1, scalar.tag);
    value.fixed32(2, static_cast<float>(scalar.value));
    values.bytes(1, value.text());
  }
  return values.text();
}

}  // namespace

struct TfEventsWriter::State {
  explicit State(const std::filesystem::path& directory) : path(directory / file_name()) {
    file = FileDescriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (file.get() < 0) throw_os_error(path, "cannot be created", errno);
  }

  void write(const ProtobufWriter& message) {
    const std::string record = framed(message.text());
    write_fully(file, record.data(), record.size(), path);
  }

  std::filesystem::path path;
  FileDescriptor file;
};

TfEventsWriter::TfEventsWriter(const std::filesystem::path& directory)
    : state_(new State(directory)) {
  ProtobufWriter version = event(0);
  version.bytes(3, "brain.Event:2");
  state_->write(version);
}

TfEventsWriter::~TfEventsWriter() = default;

void TfEventsWriter::write_scalars(int64_t step, std::span<const ScalarSummary> scalars) {
  ProtobufWriter message = event(step);
  message.bytes(5, summary(scalars));
  state_->write(message);
}

void TfEventsWriter::write_session_start(int64_t first_step) {
  constexpr uint64_t kStart = 1;
  ProtobufWriter log;
  log.varint(1, kStart);
  ProtobufWriter message = event(first_step);
  message.bytes(7, log.text());
  state_->write(message);
}

const std::filesystem::path& TfEventsWriter::path() const { return state_->path; }

}  // namespace llm::io
