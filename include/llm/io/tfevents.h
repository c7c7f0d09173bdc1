// TensorBoard event files, as scalars need them.
//
// TFRecord framing (tensorflow/core/lib/io/record_writer): u64 LE length, u32 LE masked CRC32C of
// those 8 bytes, payload, u32 LE masked CRC32C of the payload; mask(c) = rotr(c, 15) + 0xa282ead8.
// The payload is an Event message (tensorflow/core/util/event.proto), written by hand:
//   Event     { double wall_time = 1; int64 step = 2; string file_version = 3;
//               Summary summary = 5; SessionLog session_log = 7; }
//   Summary   { repeated Value value = 1; }   Value { string tag = 1; float simple_value = 2; }
//   SessionLog{ enum status = 1 (START = 1); }
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace llm::io {

struct ScalarSummary {
  std::string tag;   // "train/loss"; TensorBoard groups by the part before the slash
  double value = 0;  // stored as a 32-bit float
};

// Appends to a new file events.out.tfevents.SECONDS.HOST.PID.N in a directory. Each call writes one
// whole record to the operating system. Not thread-safe.
class TfEventsWriter {
 public:
  // Throws: IoError. Writes the record that names the file version, "brain.Event:2".
  explicit TfEventsWriter(const std::filesystem::path& directory);
  ~TfEventsWriter();

  // One point on the curve of every tag. Throws: IoError.
  void write_scalars(int64_t step, std::span<const ScalarSummary> scalars);
  // Says that training (re)starts with `first_step`: TensorBoard then drops the points of that step
  // and later ones that earlier files of the directory hold. Throws: IoError.
  void write_session_start(int64_t first_step);

  const std::filesystem::path& path() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// CRC32C (Castagnoli, polynomial 0x1EDC6F41 reflected; RFC 3720 appendix B.4).
uint32_t crc32c(std::string_view bytes);

}  // namespace llm::io
