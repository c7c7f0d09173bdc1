// Oracle: the definitions written out over the whole [T, V] logits of each answer on its own.
#include "llm/objectives/preference.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "llm/kernels/backend.h"
#include "support/tiny_model.h"

namespace llm::objectives {
namespace {

struct Answer {
  std::vector<int32_t> ids;
  int64_t prompt = 0;  // tokens
};

struct Pair {
  Answer chosen, rejected;
};

Answer random_answer(const std::vector<int32_t>& prompt, int64_t length, uint64_t seed) {
  Answer answer{prompt, static_cast<int64_t>(prompt.size())};
  const auto ids = test::random_ids(length, 97, seed);
  answer.ids.insert(answer.ids.end(), ids.begin(), ids.end());
  return answer;
}

std::vector<Pair> random_pairs(size_t count) {
  std::vector<Pair> pairs;
  for (size_t i = 0; i < count; ++i) {
    const auto prompt = test::random_ids(2 + static_cast<int64_t>(i % 4), 97, 100 + i);
    pairs.push_back({random_answer(prompt, 1 + static_cast<int64_t>(i * 3 % 7), 200 + i),
                     random_answer(prompt, 1 + static_cast<int64_t>(i * 5 % 6), 300 + i)});
  }
  return pairs;
}

void append(const Answer& answer, bool trains_prompt, uint64_t id, data::Row& row) {
  const auto length = static_cast<int64_t>(answer.ids.size());
  for (int64_t t = 0; t < length; ++t) {
    const bool has_next = t + 1 < length;
    const bool is_answer = has_next && t + 1 >= answer.prompt;
    row.ids.push_back(answer.ids[static_cast<size_t>(t)]);
    row.targets.push_back(is_answer || (trains_prompt && has_next)
                              ? answer.ids[static_cast<size_t>(t) + 1]
                              : data::kIgnoreTarget);
    row.answers.push_back(is_answer ? 1 : 0);
  }
  row.document_lengths.push_back(static_cast<int32_t>(length));
  row.document_ids.push_back(id);
}

data::Row row_of(const std::vector<Pair>& pairs) {
  data::Row row;
  for (size_t i = 0; i < pairs.size(); ++i) {
    append(pairs[i].chosen, true, 2 * i, row);
    append(pairs[i].rejected, false, 2 * i + 1, row);
  }
  return row;
}

data::Batch batch_of(const std::vector<Pair>& pairs) {
  return data::collate({row_of(pairs)}, static_cast<int64_t>(2 * pairs.size()) + 1);
}

// Log-probability of every token after the first, from the logits of the answer alone.
at::Tensor token_logprobs(nn::CausalLM& model, const Answer& answer) {
  const at::Tensor hidden = model.forward(nn::single_document(answer.ids, at::kCPU));
  const at::Tensor logits = at::linear(hidden, model.head_weight()).to(at::kDouble);
  const at::Tensor next = at::tensor(answer.ids, at::kLong).narrow(0, 1, hidden.size(0) - 1);
  return at::log_softmax(logits.narrow(0, 0, hidden.size(0) - 1), -1)
      .gather(-1, next.unsqueeze(-1))
      .squeeze(-1);
}

at::Tensor mean_of_answer(const at::Tensor& logprobs, const Answer& answer) {
  return logprobs.narrow(0, answer.prompt - 1, logprobs.size(0) - answer.prompt + 1).mean();
}

// ORPO over all pairs, straight from its definition.
at::Tensor naive_orpo(nn::CausalLM& model, const std::vector<Pair>& pairs, double beta) {
  at::Tensor nll = at::zeros({}, at::kDouble), odds = at::zeros({}, at::kDouble);
  double tokens = 0;
  for (const Pair& pair : pairs) {
    const at::Tensor chosen = token_logprobs(model, pair.chosen);
    const at::Tensor l_w = mean_of_answer(chosen, pair.chosen);
    const at::Tensor l_l = mean_of_answer(token_logprobs(model, pair.rejected), pair.rejected);
    nll = nll - chosen.sum();
    tokens += static_cast<double>(chosen.size(0));
    const at::Tensor z = (l_w - at::log1p(-l_w.exp())) - (l_l - at::log1p(-l_l.exp()));
    odds = odds - at::log_sigmoid(z);
  }
  return nll / tokens + odds * beta / static_cast<double>(pairs.size());
}

class PreferenceTest : public testing::Test {
 protected:
  // Loss and gradients of pairs in micro-batches.
  at::Tensor train(PreferenceObjective& objective, const std::vector<data::Batch>& batches) {
    tiny_.store->zero_gradients();
    const auto terms = objective.terms();
    std::vector<double> scales(terms.size(), 0);
    for (const auto& batch : batches) {
      const auto weights = objective.weights(batch);
      for (size_t i = 0; i < scales.size(); ++i) scales[i] += weights[i];
    }
    for (size_t i = 0; i < scales.size(); ++i)
      scales[i] = scales[i] > 0 ? terms[i].coefficient / scales[i] : 0;
    at::Tensor loss = at::zeros({}, at::kDouble);
    for (const auto& batch : batches) {
      const Result result = objective.compute(*tiny_.model, batch, scales);
      torch::autograd::backward({result.root}, {result.root_gradient});
      for (size_t i = 0; i < scales.size(); ++i) loss += result.term_sums[i] * scales[i];
    }
    return loss;
  }

  at::Tensor gradients() const { return tiny_.store->flat_gradients().clone(); }

  static double relative_difference(const at::Tensor& a, const at::Tensor& b) {
    return ((a - b).norm() / b.norm()).item<double>();
  }

  test::TinyModel tiny_ = test::make_tiny_model(test::tiny_config());
  std::vector<Pair> pairs_ = random_pairs(8);
};

TEST_F(PreferenceTest, OrpoIsItsDefinition) {
  OrpoObjective objective({.beta = 0.3}, {"a"});
  const at::Tensor loss = train(objective, {batch_of(pairs_)});
  const at::Tensor ours = gradients();
  tiny_.store->zero_gradients();
  const at::Tensor expected = naive_orpo(*tiny_.model, pairs_, 0.3);
  torch::autograd::backward({expected}, {});
  EXPECT_NEAR(loss.item<double>(), expected.item<double>(), 1e-6);
  EXPECT_LT(relative_difference(ours, gradients()), 1e-5);
}

TEST_F(PreferenceTest, MicroBatchesPackingAndPaddingChangeNothing) {
  OrpoObjective objective({.beta = 0.3}, {"a"});
  const at::Tensor whole = train(objective, {batch_of(pairs_)});
  const at::Tensor whole_gradients = gradients();

  std::vector<data::Batch> single, rows;
  std::vector<data::Row> unpacked, padded;
  for (const Pair& pair : pairs_) {
    single.push_back(batch_of({pair}));
    unpacked.push_back(row_of({pair}));
    data::Row row = row_of({pair});
    // A pair of documents whose targets are all ignored: nothing but padding.
    const Answer padding{{1, 2, 3}, 3};
    append(padding, false, 98, row);
    append(padding, false, 99, row);
    padded.push_back(row);
  }
  const auto expect_same = [&](const std::vector<data::Batch>& batches, const char* name) {
    EXPECT_NEAR(train(objective, batches).item<double>(), whole.item<double>(), 1e-6) << name;
    EXPECT_LT(relative_difference(gradients(), whole_gradients), 1e-5) << name;
  };
  expect_same(single, "1 x 8");
  expect_same({data::collate(unpacked, 16)}, "unpacked");
  expect_same({data::collate(padded, 32)}, "padded");
}

// The prompt once, the rejected answer behind the chosen one.
data::Row shared_row_of(const std::vector<Pair>& pairs) {
  data::Row row;
  for (size_t i = 0; i < pairs.size(); ++i) {
    append(pairs[i].chosen, true, 2 * i, row);
    data::Row rejected;
    append(pairs[i].rejected, false, 2 * i + 1, rejected);
    const auto prompt = pairs[i].rejected.prompt;
    const auto behind = [&](auto& values) { return values.begin() + prompt; };
    row.ids.insert(row.ids.end(), behind(rejected.ids), rejected.ids.end());
    row.targets.insert(row.targets.end(), behind(rejected.targets), rejected.targets.end());
    row.answers.insert(row.answers.end(), behind(rejected.answers), rejected.answers.end());
    row.document_lengths.push_back(rejected.document_lengths[0] - static_cast<int32_t>(prompt));
    row.document_ids.push_back(2 * i + 1);
    row.prefixes.insert(row.prefixes.end(), {0, static_cast<int32_t>(prompt)});
  }
  return row;
}

TEST_F(PreferenceTest, ASharedPromptChangesNothing) {
  const data::Batch shared = data::collate({shared_row_of(pairs_)}, 17);
  const data::Batch apart = batch_of(pairs_);
  EXPECT_LT(shared.num_tokens(), apart.num_tokens());
  EXPECT_EQ(shared.document_answers, apart.document_answers);
  EXPECT_EQ(shared.document_targets, apart.document_targets);
  OrpoObjective objective({.beta = 0.3}, {"a"});
  EXPECT_EQ(objective.weights(shared), objective.weights(apart));
  for (const auto backend : {kernels::Backend::kFused, kernels::Backend::kReference}) {
    const kernels::BackendGuard guard(backend);
    const at::Tensor loss = train(objective, {apart});
    const at::Tensor expected = gradients();
    EXPECT_NEAR(train(objective, {shared}).item<double>(), loss.item<double>(), 1e-6);
    EXPECT_LT(relative_difference(gradients(), expected), 1e-5);
  }
  const auto reference = answer_logprobs(*tiny_.model, apart);
  const auto ours = answer_logprobs(*tiny_.model, shared);
  for (size_t d = 0; d < reference.size(); ++d) EXPECT_NEAR(ours[d], reference[d], 1e-5);
}

TEST_F(PreferenceTest, EmptyAnswersAreSkippedAndCounted) {
  OrpoObjective objective({.beta = 0.3}, {"a"});
  const at::Tensor alone = train(objective, {batch_of(pairs_)});
  std::vector<Pair> with_empty = pairs_;
  Pair empty = pairs_[0];
  empty.rejected.ids.resize(static_cast<size_t>(empty.rejected.prompt));
  empty.chosen = empty.rejected;
  with_empty.push_back(empty);
  data::Batch batch = batch_of(with_empty);
  EXPECT_EQ(objective.weights(batch)[1], 8);
  const Result result = objective.evaluate(*tiny_.model, batch);
  EXPECT_EQ(result.metrics.at("skipped_pairs").sum.item<double>(), 1);
  for (const at::Tensor& sum : result.term_sums) EXPECT_TRUE(at::isfinite(sum).item<bool>());
  const Result without = objective.evaluate(*tiny_.model, batch_of(pairs_));
  EXPECT_NEAR(result.term_sums[1].item<double>(), without.term_sums[1].item<double>(), 1e-5);
  EXPECT_TRUE(std::isfinite(alone.item<double>()));
}

TEST_F(PreferenceTest, DpoAgainstItselfHasNoMargin) {
  const data::Batch batch = batch_of(pairs_);
  auto reference = std::make_shared<ReferenceLogprobs>(answer_logprobs(*tiny_.model, batch));
  DpoObjective objective({.beta = 0.1, .reference = reference}, {"a"});
  const Result result = objective.evaluate(*tiny_.model, batch);
  EXPECT_NEAR(result.term_sums[0].item<double>(), 8 * std::log(2.0), 1e-6);
  EXPECT_NEAR(result.metrics.at("rewards/margins").sum.item<double>(), 0, 1e-6);
}

TEST_F(PreferenceTest, EvaluationsTellSourcesApart) {
  data::Batch batch = batch_of(pairs_);
  for (size_t d = 0; d < batch.document_sources.size(); ++d)
    batch.document_sources[d] = d < 6 ? 0 : 1;
  SimpoObjective objective({.beta = 2, .gamma = 0.5}, {"first", "second"});
  const Result result = objective.evaluate(*tiny_.model, batch);
  const MetricSum& first = result.metrics.at("rewards/accuracies/first");
  const MetricSum& second = result.metrics.at("rewards/accuracies/second");
  EXPECT_EQ(first.weight, 3);
  EXPECT_EQ(second.weight, 5);
  EXPECT_EQ(first.sum.item<double>() + second.sum.item<double>(),
            result.metrics.at("rewards/accuracies").sum.item<double>());
}

}  // namespace
}  // namespace llm::objectives
