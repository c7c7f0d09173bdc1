// Oracle: transformers' LlamaRotaryEmbedding (tests/golden/rope, scripts/goldens/make_rope.py).
#include "llm/arch/rope_frequencies.h"
#include "support/paths.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace llm::arch {
namespace {

io::OrderedJson golden_cases() {
  const std::string path = test::source_dir() / "tests/golden/rope/frequencies.json";
  return io::read_ordered_json_file(path).at("cases");
}

// The powers are computed by different libraries, each within an ulp or two; dynamic NTK puts the
// base through one more power, whose error the exponent multiplies.
float tolerance(const ModelConfig& config) {
  const float ulps = config.rope.type == RopeType::kDynamic ? 8.0F : 3.0F;
  return ulps * std::numeric_limits<float>::epsilon();
}

TEST(RopeFrequencies, EqualTransformersForEveryType) {
  const io::OrderedJson cases = golden_cases();
  ASSERT_GE(cases.size(), 15U);
  for (const io::OrderedJson& item : cases) {
    const std::string name = item.at("name").get<std::string>();
    const ModelConfig config = parse_model_config(item.at("config"), name);
    const RopeFrequencies got = rope_frequencies(config, item.at("length").get<int64_t>());
    const auto expected = item.at("inverse").get<std::vector<float>>();
    ASSERT_EQ(got.inverse.size(), expected.size()) << name;
    for (size_t i = 0; i < expected.size(); ++i)
      EXPECT_NEAR(got.inverse[i] / expected[i], 1.0F, tolerance(config)) << name << " at " << i;
    EXPECT_NEAR(got.attention_factor, item.at("attention_factor").get<double>(), 1e-12) << name;
  }
}

TEST(RopeFrequencies, DependOnTheLengthOnlyForDynamicBeyondTheTrainedLength) {
  for (const io::OrderedJson& item : golden_cases()) {
    const ModelConfig config = parse_model_config(item.at("config"), "c");
    const int64_t trained = config.max_position_embeddings;
    EXPECT_FALSE(rope_depends_on_length(config, trained));
    EXPECT_EQ(rope_frequencies(config, 1).inverse, rope_frequencies(config, trained).inverse);
    const bool differs =
        rope_frequencies(config, 1).inverse != rope_frequencies(config, 2 * trained).inverse;
    EXPECT_EQ(rope_depends_on_length(config, 2 * trained), differs) << item.at("name");
  }
}

}  // namespace
}  // namespace llm::arch
