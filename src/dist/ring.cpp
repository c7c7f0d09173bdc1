#include "dist/ring.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <deque>

#include "llm/core/arith.h"
#include "llm/dist/process_group.h"

namespace llm::dist {
namespace {

constexpr int64_t kSegmentBytes = 512 << 10;
constexpr int64_t kWindow = 4;  // messages that are awaited at a time

using Bytes = std::span<std::byte>;

// A flat tensor cut into W shards, and each shard into the same number of segments; the last ones
// of a smaller shard are empty.
class Segments {
 public:
  Segments(const at::Tensor& flat, int world_size)
      : flat_(flat),
        world_size_(world_size),
        item_(flat.element_size()),
        length_(kSegmentBytes / item_),
        per_shard_(core::div_ceil(shard_range(flat.numel(), world_size, world_size - 1).size(),
                                  length_)) {}

  int64_t per_shard() const { return per_shard_; }

  Bytes bytes(int shard, int64_t index) const {
    const int rank = (shard % world_size_ + world_size_) % world_size_;
    const Range range = shard_range(flat_.numel(), world_size_, rank);
    const int64_t begin = range.begin + index * length_;
    const int64_t size = std::clamp<int64_t>(range.end - begin, 0, length_);
    auto* data = static_cast<std::byte*>(flat_.data_ptr());
    return {data + begin * item_, static_cast<size_t>(size * item_)};
  }

 private:
  const at::Tensor& flat_;
  int world_size_;
  int64_t item_;
  int64_t length_;  // of a segment, in elements
  int64_t per_shard_;
};

at::Tensor typed_view(Bytes bytes, at::ScalarType type) {
  const auto item = static_cast<int64_t>(c10::elementSize(type));
  return at::from_blob(bytes.data(), {static_cast<int64_t>(bytes.size()) / item}, type);
}

void add_to(Bytes sum, Bytes term, at::ScalarType type) {
  if (!sum.empty()) typed_view(sum, type).add_(typed_view(term, type));
}

Bytes bytes_of(const at::Tensor& tensor) {
  return {static_cast<std::byte*>(tensor.data_ptr()), tensor.nbytes()};
}

}  // namespace

int Ring::neighbour(int distance) const {
  return (transport_.rank() + distance + transport_.size()) % transport_.size();
}

void Ring::run(const Pipeline& pipeline) {
  std::deque<Transfer> receives, sends;
  const int before = neighbour(-1), after = neighbour(1);
  const auto receive = [&](int64_t i) {
    const Bytes target = pipeline.receive_into(i);
    receives.push_back(target.empty() ? Transfer{}
                                      : transport_.receive(before, next_tag_ + i, target));
  };
  const auto send = [&](int64_t i) {
    const std::span<const std::byte> source = pipeline.send_from(i);
    if (!source.empty()) sends.push_back(transport_.send(after, next_tag_ + i, source));
  };
  for (int64_t i = 0; i < std::min(kWindow, pipeline.num_receives); ++i) receive(i);
  for (int64_t i = 0; i < std::min(pipeline.sends_ahead, pipeline.num_sends); ++i) send(i);
  for (int64_t i = 0; i < pipeline.num_receives; ++i) {
    if (receives.front().work) transport_.wait(receives.front());
    receives.pop_front();
    pipeline.on_received(i);
    if (i + kWindow < pipeline.num_receives) receive(i + kWindow);
    if (i + pipeline.sends_ahead < pipeline.num_sends) send(i + pipeline.sends_ahead);
  }
  for (const Transfer& transfer : sends) transport_.wait(transfer);
}

void Ring::reduce_scatter(const at::Tensor& flat) {
  const int world_size = transport_.size(), rank = transport_.rank();
  const Segments segments(flat, world_size);
  const int64_t per_shard = segments.per_shard();
  const int64_t count = per_shard * (world_size - 1);
  const at::Tensor scratch = at::empty({std::min(kWindow, count), kSegmentBytes}, at::kByte);
  const auto step = [&](int64_t i) { return static_cast<int>(i / per_shard); };
  const auto arriving = [&](int64_t i) {
    return segments.bytes(rank - step(i) - 2, i % per_shard);
  };
  const auto slot = [&](int64_t i) {
    return bytes_of(scratch).subspan(static_cast<size_t>(i % kWindow * kSegmentBytes),
                                     arriving(i).size());
  };
  run({.num_receives = count,
       .num_sends = count,
       .sends_ahead = per_shard,
       .receive_into = slot,
       .send_from = [&](int64_t i) { return segments.bytes(rank - step(i) - 1, i % per_shard); },
       .on_received = [&](int64_t i) { add_to(arriving(i), slot(i), flat.scalar_type()); }});
  next_tag_ += static_cast<uint64_t>(count);
}

void Ring::all_gather(const at::Tensor& flat) {
  const int world_size = transport_.size(), rank = transport_.rank();
  const Segments segments(flat, world_size);
  const int64_t per_shard = segments.per_shard();
  const int64_t count = per_shard * (world_size - 1);
  const auto shard_sent = [&](int64_t i) { return rank - static_cast<int>(i / per_shard); };
  run({.num_receives = count,
       .num_sends = count,
       .sends_ahead = per_shard,
       .receive_into = [&](int64_t i) { return segments.bytes(shard_sent(i) - 1, i % per_shard); },
       .send_from = [&](int64_t i) { return segments.bytes(shard_sent(i), i % per_shard); }});
  next_tag_ += static_cast<uint64_t>(count);
}

void Ring::broadcast(const at::Tensor& flat, int root) {
  const int world_size = transport_.size();
  const Segments segments(flat, 1);
  const int64_t count = segments.per_shard();
  const int distance = (transport_.rank() - root + world_size) % world_size;  // from the root
  const auto segment = [&](int64_t i) { return segments.bytes(0, i); };
  run({.num_receives = distance > 0 ? count : 0,
       .num_sends = distance < world_size - 1 ? count : 0,
       .sends_ahead = distance > 0 ? 0 : count,
       .receive_into = segment,
       .send_from = segment});
  next_tag_ += static_cast<uint64_t>(count);
}

void Ring::exchange_parts(std::span<const std::byte> own, const std::vector<Bytes>& parts) {
  std::vector<Transfer> transfers;
  for (int i = 1; i < transport_.size(); ++i) {
    const Bytes part = parts[static_cast<size_t>(neighbour(-i))];
    if (!part.empty()) transfers.push_back(transport_.receive(neighbour(-i), next_tag_, part));
  }
  for (int i = 1; i < transport_.size(); ++i) {
    if (!own.empty()) transfers.push_back(transport_.send(neighbour(i), next_tag_, own));
  }
  for (const Transfer& transfer : transfers) transport_.wait(transfer);
  ++next_tag_;
}

void Ring::exchange_and_add(const at::Tensor& flat) {
  if (flat.numel() == 0) return;
  const auto world_size = static_cast<size_t>(transport_.size());
  const Bytes own = bytes_of(flat);
  const at::Tensor all = at::empty({transport_.size(), flat.numel()}, flat.scalar_type());
  std::vector<Bytes> parts(world_size);
  for (size_t rank = 0; rank < world_size; ++rank) {
    parts[rank] = bytes_of(all).subspan(rank * own.size(), own.size());
  }
  exchange_parts(own, parts);
  std::copy(own.begin(), own.end(), parts[static_cast<size_t>(transport_.rank())].begin());
  std::copy(parts[0].begin(), parts[0].end(), own.begin());
  for (size_t rank = 1; rank < world_size; ++rank) add_to(own, parts[rank], flat.scalar_type());
}

std::vector<std::string> Ring::exchange(const std::string& bytes) {
  const auto world_size = static_cast<size_t>(transport_.size());
  const auto rank = static_cast<size_t>(transport_.rank());
  std::vector<uint64_t> lengths(world_size);
  std::vector<Bytes> parts;
  for (uint64_t& length : lengths) parts.push_back(std::as_writable_bytes(std::span(&length, 1)));
  lengths[rank] = bytes.size();
  exchange_parts(parts[rank], parts);
  std::vector<std::string> texts(world_size);
  for (size_t i = 0; i < world_size; ++i) {
    texts[i].resize(lengths[i]);
    parts[i] = std::as_writable_bytes(std::span(texts[i]));
  }
  texts[rank] = bytes;
  exchange_parts(std::as_bytes(std::span(bytes)), parts);
  return texts;
}

}  // namespace llm::dist
