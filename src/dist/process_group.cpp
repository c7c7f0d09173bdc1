#include "llm/dist/process_group.h"

#include <utility>

#include "dist/cuda/nccl_group.h"
#include "dist/gloo_group.h"
#include "llm/core/check.h"

namespace llm::dist {
namespace {

constexpr int64_t kShardMultiple = 16;  // elements: 32 bytes of bfloat16, 64 of float

class DoneWork final : public Work {
 public:
  void wait() override {}
  bool is_done() override { return true; }
};

class LocalGroup final : public ProcessGroup {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  std::shared_ptr<Work> all_reduce_async(const at::Tensor&, Call) override { return done(); }
  std::shared_ptr<Work> reduce_scatter_async(const at::Tensor&, Call) override { return done(); }
  std::shared_ptr<Work> all_gather_async(const at::Tensor&, Call) override { return done(); }
  std::shared_ptr<Work> broadcast_async(const at::Tensor&, int root, Call) override {
    LLM_CHECK(root == 0, "a broadcast from rank {} of 1", root);
    return done();
  }
  std::vector<std::string> all_gather_bytes(const std::string& bytes, const std::string&) override {
    return {bytes};
  }
  void barrier(const std::string&) override {}
  void fail(const std::string&) override {}
  void set_step(int64_t) override {}
  Position position() const override { return {}; }
  void watch_with(FindCause) override {}
  Traffic traffic() const override { return {}; }

 private:
  static std::shared_ptr<Work> done() { return std::make_shared<DoneWork>(); }
};

}  // namespace

Range shard_range(int64_t n, int world_size, int rank) {
  LLM_CHECK(n >= 0 && rank >= 0 && rank < world_size, "{} elements, rank {} of {}", n, rank,
            world_size);
  const int64_t size = n / (kShardMultiple * world_size) * kShardMultiple;
  return {rank * size, rank + 1 == world_size ? n : (rank + 1) * size};
}

void ProcessGroup::all_reduce(const at::Tensor& flat, Call call) {
  all_reduce_async(flat, std::move(call))->wait();
}

void ProcessGroup::reduce_scatter(const at::Tensor& flat, Call call) {
  reduce_scatter_async(flat, std::move(call))->wait();
}

void ProcessGroup::all_gather(const at::Tensor& flat, Call call) {
  all_gather_async(flat, std::move(call))->wait();
}

void ProcessGroup::broadcast(const at::Tensor& flat, int root, Call call) {
  broadcast_async(flat, root, std::move(call))->wait();
}

std::unique_ptr<ProcessGroup> make_process_group(const Rendezvous& rendezvous,
                                                 const GroupOptions& options) {
  if (options.device.is_cuda()) return make_nccl_group(rendezvous, options);
  return std::make_unique<GlooGroup>(rendezvous, options);
}

std::unique_ptr<ProcessGroup> make_local_group() { return std::make_unique<LocalGroup>(); }

}  // namespace llm::dist
