#include "io/decompressor.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <limits>
#include <new>

namespace llm::io {
namespace {

class Plain final : public Decompressor {
 public:
  DecompressStep step(std::string_view input, char* out, size_t capacity, std::string&) override {
    const size_t count = std::min(input.size(), capacity);
    std::copy_n(input.data(), count, out);
    return {count, count};
  }
  bool may_end() const override { return true; }
};

class Gzip final : public Decompressor {
 public:
  Gzip() {
    constexpr int kGzipOnly = 16 + MAX_WBITS;
    if (::inflateInit2(&stream_, kGzipOnly) != Z_OK) throw std::bad_alloc();
  }
  ~Gzip() override { ::inflateEnd(&stream_); }
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;

  DecompressStep step(std::string_view input, char* out, size_t capacity,
                      std::string& problem) override {
    if (is_between_members_) {
      // gzip allows zeros behind the last member, as tapes leave them.
      const size_t zeros = std::min(input.find_first_not_of('\0'), input.size());
      if (zeros > 0 || input.empty()) return {zeros, 0};
      ::inflateReset(&stream_);
      is_between_members_ = false;
    }
    constexpr size_t kMax = std::numeric_limits<uInt>::max();
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
    stream_.avail_in = static_cast<uInt>(std::min(input.size(), kMax));
    stream_.next_out = reinterpret_cast<Bytef*>(out);
    stream_.avail_out = static_cast<uInt>(std::min(capacity, kMax));
    const uInt in_before = stream_.avail_in, out_before = stream_.avail_out;
    const int status = ::inflate(&stream_, Z_NO_FLUSH);
    if (status == Z_STREAM_END) {
      is_between_members_ = true;
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      problem = stream_.msg != nullptr ? stream_.msg : ::zError(status);
    }
    return {in_before - stream_.avail_in, out_before - stream_.avail_out};
  }

  bool may_end() const override { return is_between_members_; }

 private:
  z_stream stream_{};
  bool is_between_members_ = false;
};

class Zstandard final : public Decompressor {
 public:
  explicit Zstandard(uint64_t size) : stream_(ZSTD_createDStream()) {
    if (stream_ == nullptr) throw std::bad_alloc();
    // Long-distance files (zstd --long=31) need windows beyond the library's default of 128 MiB;
    // in a small file such a window is a claim that would only cost memory.
    constexpr uint64_t kSmall = uint64_t{4} << 20;
    if (size >= kSmall) ZSTD_DCtx_setParameter(stream_, ZSTD_d_windowLogMax, 31);
  }
  ~Zstandard() override { ZSTD_freeDStream(stream_); }
  Zstandard(const Zstandard&) = delete;
  Zstandard& operator=(const Zstandard&) = delete;

  DecompressStep step(std::string_view input, char* out, size_t capacity,
                      std::string& problem) override {
    if (input.empty() && is_between_frames_) return {};
    ZSTD_inBuffer in{input.data(), input.size(), 0};
    ZSTD_outBuffer produced{out, capacity, 0};
    const size_t status = ZSTD_decompressStream(stream_, &produced, &in);
    if (ZSTD_isError(status)) {
      problem = ZSTD_getErrorName(status);
    } else {
      is_between_frames_ = status == 0;
    }
    return {in.pos, produced.pos};
  }

  bool may_end() const override { return is_between_frames_; }

 private:
  ZSTD_DStream* stream_;
  bool is_between_frames_ = false;
};

}  // namespace

std::unique_ptr<Decompressor> make_decompressor(std::string_view first_bytes, uint64_t size) {
  if (first_bytes.starts_with("\x1F\x8B")) return std::make_unique<Gzip>();
  const bool is_zstd = first_bytes.starts_with("\x28\xB5\x2F\xFD");
  const bool is_zstd_skippable = first_bytes.size() >= 4 && (first_bytes[0] & 0xF0) == 0x50 &&
                                 first_bytes.substr(1, 3) == "\x2A\x4D\x18";
  if (is_zstd || is_zstd_skippable) return std::make_unique<Zstandard>(size);
  return std::make_unique<Plain>();
}

}  // namespace llm::io
