// Oracle: the plain sum of what every rank wrote in all its micro-batches.
#include "llm/optim/gradient_reducer.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "llm/core/arith.h"
#include "support/ranks.h"
#include "support/tiny_config.h"

namespace llm::optim {
namespace {

constexpr int64_t kLayers = 5;

arch::ModelConfig deep_config(bool tied) {
  auto config = test::tiny_config();
  config.num_hidden_layers = kLayers;
  config.tie_word_embeddings = tied;
  return config;
}

std::vector<arch::ParameterSpec> specs_of(bool tied) {
  return arch::parameter_specs(deep_config(tied));
}

// The gradient that a writer adds to a leaf: other values for each rank and micro-batch.
at::Tensor values(const tensor::LeafRange& leaf, int64_t rank, int64_t micro_batch, int64_t part) {
  const auto phase = static_cast<double>(leaf.offset + 1000 * rank + 100 * micro_batch + 10 * part);
  return at::sin(at::arange(leaf.numel, at::kDouble) * 0.37 + phase)
      .to(at::kFloat)
      .view(leaf.shape);
}

struct Pass {
  int64_t rank = 0;
  int64_t micro_batch = 0;
};

// Calls write(leaf, part) in the order of a backward pass. A tied embedding is written twice.
template <class Write>
void visit_writes(const tensor::ParameterStore& store, GradientReducer* reducer,
                  const Write& write) {
  const auto write_all = [&](int64_t layer, auto wanted, int64_t part) {
    for (const auto& leaf : store.leaves()) {
      const auto& spec = store.parameters()[leaf.parameter_indices.front()].spec;
      if (spec.layer == layer && wanted(spec.kind)) write(leaf, part);
    }
  };
  using Kind = arch::ParameterKind;
  const bool tied = !store.has_leaf(arch::kHeadName);
  write_all(
      -1, [&](Kind kind) { return kind == (tied ? Kind::kEmbedding : Kind::kHead); }, 0);
  write_all(
      -1, [](Kind kind) { return kind == Kind::kNorm; }, 0);
  for (int64_t layer = kLayers; layer-- > 0;) {
    if (reducer != nullptr) reducer->layer_begins(layer);
    write_all(
        layer, [](Kind) { return true; }, 0);
    if (reducer != nullptr) reducer->layer_done(layer);
  }
  write_all(
      -1, [](Kind kind) { return kind == Kind::kEmbedding; }, 1);
}

void run_backward(tensor::ParameterStore& store, GradientReducer& reducer, const Pass& pass) {
  const at::NoGradGuard no_grad;
  reducer.begin_micro_batch();
  visit_writes(store, &reducer, [&](const tensor::LeafRange& leaf, int64_t part) {
    store.leaf(leaf.name).mutable_grad().add_(values(leaf, pass.rank, pass.micro_batch, part));
  });
  reducer.end_micro_batch();
}

// [arena_numel], in fp64: of all ranks' micro-batches. The second: of their magnitudes.
std::pair<at::Tensor, at::Tensor> expected_sums(const tensor::ParameterStore& store,
                                                int64_t world_size, int64_t micro_batches) {
  at::Tensor sums = at::zeros({store.arena_numel()}, at::kDouble);
  at::Tensor magnitudes = at::zeros_like(sums);
  for (int64_t i = 0; i < micro_batches; ++i) {
    visit_writes(store, nullptr, [&](const tensor::LeafRange& leaf, int64_t part) {
      const at::Tensor added = values(leaf, i % world_size, i / world_size, part).view(-1);
      sums.narrow(0, leaf.offset, leaf.numel).add_(added);
      magnitudes.narrow(0, leaf.offset, leaf.numel).add_(added.abs());
    });
  }
  return {sums, magnitudes};
}

struct Setting {
  int world_size = 2;
  int64_t micro_batches = 5;
  bool tied = true;
  ReductionOptions options;
};

std::string name_of(const Setting& setting) {
  return fmt::format("zero {} on {} ranks, {} micro-batches, tied {}, buckets of {}",
                     setting.options.zero, setting.world_size, setting.micro_batches, setting.tied,
                     setting.options.bucket_bytes);
}

void train_two_steps(dist::ProcessGroup& group, const Setting& setting, double tolerance) {
  tensor::ParameterStore store(specs_of(setting.tied), {});
  allocate_training_state(store, group, setting.options);
  const auto reducer = make_gradient_reducer(store, group, setting.options, setting.micro_batches);
  const auto [sums, magnitudes] = expected_sums(store, setting.world_size, setting.micro_batches);
  for (const int64_t step : {1, 2}) {
    const int64_t own = core::div_ceil<int64_t>(
        std::max<int64_t>(setting.micro_batches - group.rank(), 0), setting.world_size);
    reducer->begin_step(step, own);
    for (int64_t i = 0; i < own; ++i) run_backward(store, *reducer, {group.rank(), i});
    reducer->finish_step();
    for (const tensor::ArenaRange& range : store.moment_ranges()) {
      const at::Tensor error =
          (store.gradients_of(range) - sums.narrow(0, range.offset, range.numel));
      const at::Tensor bound = magnitudes.narrow(0, range.offset, range.numel) * tolerance + 1e-12;
      EXPECT_TRUE((error.abs() <= bound).all().item<bool>()) << name_of(setting);
    }
    store.zero_gradients();
  }
}

std::vector<Setting> all_settings(int world_size) {
  std::vector<Setting> settings;
  for (const int64_t zero : {0, 1, 2}) {
    for (const bool tied : {true, false}) {
      for (const int64_t bucket_bytes : {1, 60'000, 1 << 30}) {
        for (const int64_t micro_batches : {1, 2, 5})
          settings.push_back({world_size, micro_batches, tied, {bucket_bytes, zero}});
      }
    }
  }
  return settings;
}

TEST(GradientReducer, SumsAllMicroBatchesOfAllRanks) {
  for (const int world_size : {1, 2, 3}) {
    const auto train = [&](auto& group, int) {
      for (const Setting& setting : all_settings(world_size))
        train_two_steps(*group, setting, 1e-6);
    };
    EXPECT_EQ(test::run_ranks(world_size, train), test::no_errors(world_size));
  }
}

// u = 2^-8 for the rounding of each of W terms, and for W - 1 additions.
TEST(GradientReducer, Bf16IsWithinItsBound) {
  for (const int64_t zero : {0, 1, 2}) {
    for (const int world_size : {2, 4}) {
      const Setting setting{world_size, 6, true, {60'000, zero, ReduceDtype::kBf16}};
      const double bound = std::pow(1 + 0x1p-8, world_size) - 1;
      EXPECT_EQ(test::run_ranks(world_size,
                                [&](auto& group, int) { train_two_steps(*group, setting, bound); }),
                test::no_errors(world_size));
    }
  }
}

TEST(GradientReducer, HoldsItsShardsAndTwoBuckets) {
  test::run_ranks(2, [](auto& group, int) {
    for (const bool tied : {true, false}) {
      const ReductionOptions options{.bucket_bytes = 1, .zero = 2};
      tensor::ParameterStore store(specs_of(tied), {});
      allocate_training_state(store, *group, options);
      const auto reducer = make_gradient_reducer(store, *group, options, 3);
      EXPECT_LE(store.flat_gradients().numel(), store.arena_numel() / 2 + 16 * 2 * (kLayers + 2));
      int64_t largest = 0, largest_of_layers = 0;
      for (const GradientBucket& bucket : layer_buckets(store, 1)) {
        largest = std::max(largest, bucket.numel);
        if (!bucket.is_table) largest_of_layers = std::max(largest_of_layers, bucket.numel);
      }
      EXPECT_EQ(reducer->buffer_bytes(), 4 * (largest + largest_of_layers));
      // Outside its layer's turn a gradient has no place.
      reducer->begin_step(1, 1);
      reducer->begin_micro_batch();
      const at::Tensor leaf = store.leaf("model.layers.0.mlp.down_proj.weight");
      EXPECT_THROW(leaf.mutable_grad().add_(at::ones_like(leaf.detach())), std::exception);
      reducer->end_micro_batch();
      reducer->finish_step();
    }
  });
}

}  // namespace
}  // namespace llm::optim
