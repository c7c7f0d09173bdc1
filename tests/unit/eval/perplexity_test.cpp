// Oracle: a loop that runs one full forward per token and takes log_softmax in double; closed forms
// for the statistics.
#include "llm/eval/perplexity.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "llm/core/error.h"
#include "support/error_text.h"
#include "support/model_directory.h"

namespace llm::eval {
namespace {

using testing::HasSubstr;
using Ids = std::vector<int32_t>;

double log_probability(nn::CausalLM& model, const Ids& inputs, int32_t target) {
  const at::NoGradGuard no_grad;
  const at::Tensor hidden = model.forward(nn::single_document(inputs, at::kCPU));
  const at::Tensor logits = at::matmul(hidden[-1].to(at::kDouble),
                                       model.head_weight().to(at::kDouble).t());  // [V]
  return at::log_softmax(logits, 0)[target].item<double>();
}

// The inputs of prediction i: those of the one window that scores it.
Ids naive_inputs(const Ids& ids, int64_t i, int64_t context, int64_t stride) {
  const auto n = static_cast<int64_t>(ids.size()) - 1;
  int64_t end = std::min(context, n);
  while (end <= i) end = std::min(end + stride, n);
  const int64_t begin = std::max<int64_t>(0, end - context);
  return {ids.begin() + begin, ids.begin() + i + 1};
}

double naive_nll(nn::CausalLM& model, const Ids& ids, int64_t context, int64_t stride) {
  double nll = 0;
  for (int64_t i = 0; i + 1 < static_cast<int64_t>(ids.size()); ++i) {
    nll -= log_probability(model, naive_inputs(ids, i, context, stride),
                           ids[static_cast<size_t>(i) + 1]);
  }
  return nll;
}

class PerplexityTest : public testing::Test {
 protected:
  PerplexityTest() : config_(test::tiny_config()), tiny_(test::make_tiny_model(config_)) {}
  PerplexityResult score(const std::vector<Ids>& documents, const PerplexityOptions& options) {
    PerplexityScorer scorer(*tiny_.model, options);
    for (const Ids& ids : documents) scorer.add({.ids = ids, .num_bytes = 10});
    return scorer.finish();
  }
  arch::ModelConfig config_;
  test::TinyModel tiny_;
};

TEST_F(PerplexityTest, EqualsOneForwardPerToken) {
  const std::vector<Ids> documents = {test::random_ids(23, 97, 1), test::random_ids(2, 97, 2),
                                      test::random_ids(1, 97, 3), test::random_ids(40, 97, 4)};
  for (const auto& [context, stride] : {std::pair{8, 8}, {8, 3}, {8, 1}, {64, 64}, {7, 6}}) {
    for (const int64_t batch_tokens : {1, 20, 4096}) {
      const PerplexityResult result =
          score(documents, {.context = context, .stride = stride, .batch_tokens = batch_tokens});
      ASSERT_EQ(result.documents.size(), 4u);
      EXPECT_EQ(result.num_tokens, 22 + 1 + 0 + 39);
      for (size_t i = 0; i < documents.size(); ++i) {
        const double expected = naive_nll(*tiny_.model, documents[i], context, stride);
        EXPECT_NEAR(result.documents[i].nll, expected, 2e-5 * (1 + expected))
            << context << " " << stride << " document " << i;
      }
    }
  }
}

TEST_F(PerplexityTest, DocumentsDoNotSeeEachOther) {
  const Ids a = test::random_ids(20, 97, 1);
  const Ids b = test::random_ids(15, 97, 2);
  const PerplexityResult together = score({a, b}, {});
  EXPECT_NEAR(together.nll, score({a}, {}).nll + score({b}, {}).nll, 1e-4);
}

TEST_F(PerplexityTest, DefaultsAreTheTrainedLengthWithoutOverlap) {
  const PerplexityResult result = score({test::random_ids(150, 97, 1)}, {});
  EXPECT_EQ(result.context, 64);
  EXPECT_EQ(result.stride, 64);
  EXPECT_EQ(result.num_windows, 3);
}

TEST_F(PerplexityTest, ProgressComesWithEveryLayerAndForwardAndMayEndTheWork) {
  const Ids ids = test::random_ids(41, 97, 1);
  std::vector<int64_t> reports;
  PerplexityOptions options{.context = 8, .stride = 8, .batch_tokens = 16};
  options.progress = [&](int64_t num_tokens) { reports.push_back(num_tokens); };
  score({ids}, options);
  // Before both layers, before the head, and after the pass, which is the first to know more.
  EXPECT_THAT(reports, testing::ElementsAre(0, 0, 0, 16, 16, 16, 16, 32, 32, 32, 32, 40));
  struct Enough {};
  options.progress = [&](int64_t) { throw Enough{}; };
  PerplexityScorer scorer(*tiny_.model, options);
  EXPECT_THROW(scorer.add({.ids = ids, .num_bytes = 10}), Enough);
}

TEST_F(PerplexityTest, RefusesAStrideBeyondTheContext) {
  EXPECT_THAT(test::error_text<core::ConfigError>([&] { score({}, {.context = 8, .stride = 9}); }),
              HasSubstr("--stride: expected 1 to the context's 8, got 9"));
}

TEST_F(PerplexityTest, RefusesForeignIdsAndEmptyInput) {
  EXPECT_THAT(test::error_text<core::DataError>([&] {
                score({{1, 97}}, {});
              }),
              HasSubstr("expected ids in [0, 97), got 97"));
  EXPECT_THAT(test::error_text<core::DataError>([&] {
                score({{1}, {}}, {});
              }),
              HasSubstr("2 documents without one"));
}

TEST(PerplexityResultTest, StatisticsMatchTheirDefinitions) {
  PerplexityResult result;
  result.documents = {{2.0, 2}, {6.0, 3}, {0, 0}};
  result.nll = 8;
  result.num_tokens = 5;
  result.num_bytes = 20;
  result.sum_of_squares = 14.5;
  result.num_hits = 1;
  EXPECT_DOUBLE_EQ(result.perplexity(), std::exp(1.6));
  EXPECT_DOUBLE_EQ(result.bits_per_byte(), 8 / std::numbers::ln2 / 20);
  EXPECT_DOUBLE_EQ(result.accuracy(), 0.2);
  // Residuals 2 - 1.6 * 2 = -1.2 and 6 - 1.6 * 3 = 1.2; two scored documents.
  EXPECT_DOUBLE_EQ(result.standard_error(), std::sqrt(2.0 * 2 * 1.44) / 5);
  result.documents = {{8.0, 5}};
  EXPECT_FALSE(result.error_is_between_documents());
  EXPECT_DOUBLE_EQ(result.standard_error(), std::sqrt((14.5 - 64.0 / 5) / 4 / 5));
  EXPECT_EQ(to_json(result)["standard_error_between"], "tokens");
}

TEST(MakeDocumentTest, CountsTheBytesOfWhatIsScored) {
  const auto tokenizer = test::tiny_tokenizer();
  const std::string text = "the cat sat";
  const ScoredDocument bare = make_document(*tokenizer, text, Prefix::kNone);
  EXPECT_EQ(bare.ids, tokenizer->encode(text));
  const size_t first = tokenizer->decode_bytes({bare.ids.data(), 1}).size();
  EXPECT_EQ(bare.num_bytes, static_cast<int64_t>(text.size() - first));
  const ScoredDocument prefixed = make_document(*tokenizer, text, Prefix::kEos);
  EXPECT_EQ(prefixed.ids.front(), tokenizer->eos_id());
  EXPECT_EQ(prefixed.ids.size(), bare.ids.size() + 1);
  EXPECT_EQ(prefixed.num_bytes, static_cast<int64_t>(text.size()));
}

}  // namespace
}  // namespace llm::eval
