#include "dist/cuda/nccl_group.h"

#include <c10/cuda/CUDAGuard.h>
#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#include <utility>

#include "dist/gloo_group.h"
#include "dist/store_connection.h"
#include "llm/core/check.h"
#include "llm/core/error.h"

namespace llm::dist {
namespace {

using Nccl = c10d::ProcessGroupNCCL;

// What fail() was told, for operations that end with NCCL's words.
class Reason {
 public:
  void set(const std::string& text) {
    const std::lock_guard lock(mutex_);
    if (text_.empty()) text_ = text;
  }
  core::DistError error(const std::string& where, const std::exception& error) const {
    const std::lock_guard lock(mutex_);
    return core::DistError({where, "an answer from every rank",
                            text_.empty() ? first_line(error) : text_,
                            "Set NCCL_DEBUG=WARN for NCCL's own messages"});
  }

 private:
  mutable std::mutex mutex_;
  std::string text_;
};

// Parts of one operation, in the order they were given to NCCL's stream.
class NcclWork final : public Work {
 public:
  NcclWork(std::string where, std::vector<c10::intrusive_ptr<c10d::Work>> parts,
           std::shared_ptr<const Reason> reason)
      : where_(std::move(where)), parts_(std::move(parts)), reason_(std::move(reason)) {}

  void wait() override {
    try {
      for (const auto& part : parts_) part->wait();
    } catch (const std::exception& error) {
      throw reason_->error(where_, error);
    }
  }
  bool is_done() override {
    return std::all_of(parts_.begin(), parts_.end(),
                       [](const auto& part) { return part->isCompleted(); });
  }

 private:
  std::string where_;
  std::vector<c10::intrusive_ptr<c10d::Work>> parts_;
  std::shared_ptr<const Reason> reason_;
};

class NcclGroup final : public ProcessGroup {
 public:
  NcclGroup(const Rendezvous& rendezvous, const GroupOptions& options)
      : device_(options.device), host_(rendezvous, options) {
    const c10::cuda::CUDAGuard guard(device_);
    const auto store = c10::make_intrusive<c10d::PrefixStore>("nccl/" + options.name,
                                                              rendezvous.store.connection()->store);
    const auto nccl_options = Nccl::Options::create();
    // Whoever watches over the ranks comes first, and says more than NCCL's own watchdog.
    nccl_options->timeout = 2 * options.timeout;
    nccl_ = c10::make_intrusive<Nccl>(store, rank(), size(), nccl_options);
    nccl_->setBoundDeviceId(device_);
  }
  ~NcclGroup() override { nccl_->shutdown(); }

  int rank() const override { return host_.rank(); }
  int size() const override { return host_.size(); }

  std::shared_ptr<Work> all_reduce_async(const at::Tensor& flat, Call call) override {
    if (flat.is_cpu()) return host_.all_reduce_async(flat, std::move(call));
    const int64_t unsent = own(flat).size() + shard_range(flat.numel(), size(), next()).size();
    return issue("all_reduce", call, flat, 2 * flat.numel() - unsent, [&](Parts& parts) {
      std::vector<at::Tensor> tensors{flat};
      parts.push_back(nccl_->allreduce(tensors));
    });
  }

  // The equal shards are one operation of NCCL; what the last rank has beyond, another.
  std::shared_ptr<Work> reduce_scatter_async(const at::Tensor& flat, Call call) override {
    if (flat.is_cpu()) return host_.reduce_scatter_async(flat, std::move(call));
    const int64_t sent = flat.numel() - own(flat).size();
    return issue("reduce_scatter", call, flat, sent, [&](Parts& parts) {
      at::Tensor even = even_part(flat), shard = even_shard(flat);
      if (even.numel() > 0) parts.push_back(nccl_->_reduce_scatter_base(shard, even));
      std::vector<at::Tensor> rest{rest_of(flat)};
      c10d::ReduceOptions to_last;
      to_last.rootRank = size() - 1;
      if (rest[0].numel() > 0) parts.push_back(nccl_->reduce(rest, to_last));
    });
  }

  std::shared_ptr<Work> all_gather_async(const at::Tensor& flat, Call call) override {
    if (flat.is_cpu()) return host_.all_gather_async(flat, std::move(call));
    const int64_t sent = flat.numel() - shard_range(flat.numel(), size(), next()).size();
    return issue("all_gather", call, flat, sent, [&](Parts& parts) {
      at::Tensor even = even_part(flat), shard = even_shard(flat);
      if (even.numel() > 0) parts.push_back(nccl_->_allgather_base(even, shard));
      std::vector<at::Tensor> rest{rest_of(flat)};
      if (rest[0].numel() > 0) parts.push_back(nccl_->broadcast(rest, from(size() - 1)));
    });
  }

  std::shared_ptr<Work> broadcast_async(const at::Tensor& flat, int root, Call call) override {
    if (flat.is_cpu()) return host_.broadcast_async(flat, root, std::move(call));
    const bool is_last = (rank() + 1) % size() == root;
    return issue("broadcast", call, flat, is_last ? 0 : flat.numel(), [&](Parts& parts) {
      std::vector<at::Tensor> tensors{flat};
      parts.push_back(nccl_->broadcast(tensors, from(root)));
    });
  }

  std::vector<std::string> all_gather_bytes(const std::string& bytes,
                                            const std::string& label) override {
    return host_.all_gather_bytes(bytes, label);
  }
  void barrier(const std::string& label) override {
    c10::cuda::device_synchronize();
    host_.barrier(label);
  }
  void fail(const std::string& reason) override {
    reason_->set(reason);
    host_.fail(reason);
    nccl_->abort();
  }
  void set_step(int64_t step) override { host_.set_step(step); }
  // Of the operations on the host, of which every step has some.
  Position position() const override { return host_.position(); }
  void watch_with(FindCause find_cause) override { host_.watch_with(std::move(find_cause)); }
  Traffic traffic() const override {
    Traffic total = host_.traffic();
    const std::lock_guard lock(mutex_);
    add(total.gradient, traffic_.gradient);
    add(total.parameter, traffic_.parameter);
    add(total.control, traffic_.control);
    return total;
  }

 private:
  using Parts = std::vector<c10::intrusive_ptr<c10d::Work>>;

  // Counts what a ring would send: NCCL's own choice may be another.
  template <class Body>
  std::shared_ptr<Work> issue(const char* name, const Call& call, const at::Tensor& flat,
                              int64_t elements_sent, const Body& body) {
    LLM_CHECK(flat.device() == device_ && flat.is_contiguous(), "{} over a tensor of {}", name,
              flat.device().str());
    const std::string where = fmt::format("{} of {} on rank {}", name, call.label, rank());
    Parts parts;
    try {
      if (flat.numel() > 0) body(parts);
    } catch (const std::exception& error) {
      throw reason_->error(where, error);
    }
    const std::lock_guard lock(mutex_);
    add(call.payload == Payload::kGradient    ? traffic_.gradient
        : call.payload == Payload::kParameter ? traffic_.parameter
                                              : traffic_.control,
        {elements_sent * flat.element_size(), 1});
    return std::make_shared<NcclWork>(where, std::move(parts), reason_);
  }

  static void add(TrafficCount& sum, const TrafficCount& term) {
    sum.bytes_sent += term.bytes_sent;
    sum.collectives += term.collectives;
  }
  static c10d::BroadcastOptions from(int root) {
    c10d::BroadcastOptions options;
    options.rootRank = root;
    return options;
  }

  int next() const { return (rank() + 1) % size(); }
  Range own(const at::Tensor& flat) const { return shard_range(flat.numel(), size(), rank()); }
  int64_t even_size(const at::Tensor& flat) const {
    return shard_range(flat.numel(), size(), 0).size();
  }
  at::Tensor even_part(const at::Tensor& flat) const {
    return flat.view(-1).narrow(0, 0, even_size(flat) * size());
  }
  at::Tensor even_shard(const at::Tensor& flat) const {
    return flat.view(-1).narrow(0, own(flat).begin, even_size(flat));
  }
  at::Tensor rest_of(const at::Tensor& flat) const {
    const int64_t begin = even_size(flat) * size();
    return flat.view(-1).narrow(0, begin, flat.numel() - begin);
  }

  at::Device device_;
  GlooGroup host_;
  c10::intrusive_ptr<Nccl> nccl_;
  const std::shared_ptr<Reason> reason_ = std::make_shared<Reason>();
  mutable std::mutex mutex_;
  Traffic traffic_;
};

}  // namespace

std::unique_ptr<ProcessGroup> make_nccl_group(const Rendezvous& rendezvous,
                                              const GroupOptions& options) {
  try {
    return std::make_unique<NcclGroup>(rendezvous, options);
  } catch (const c10::Error& error) {
    throw core::DistError({fmt::format("NCCL on {}", options.device.str()), "a group of all ranks",
                           first_line(error), "Set NCCL_DEBUG=WARN for NCCL's own messages"});
  }
}

}  // namespace llm::dist
