// Oracle: model directories written by transformers (tests/golden/models): their tensors' names and
// shapes, and the configs that transformers 5 writes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "llm/arch/parameters.h"
#include "support/model_golden.h"

namespace llm::arch {
namespace {

using test::ModelGolden;

using Shapes = std::map<std::string, std::vector<int64_t>>;

Shapes specified_shapes(const ModelConfig& config) {
  Shapes shapes;
  for (const ParameterSpec& spec : parameter_specs(config)) shapes[spec.name] = spec.shape;
  return shapes;
}

TEST(ModelGoldens, ParameterListEqualsTheTensorsThatTransformersWrites) {
  ASSERT_GE(test::model_golden_names().size(), 11U);
  for (const std::string& name : test::model_golden_names()) {
    const ModelGolden golden(name);
    Shapes stored, gradients;
    const io::SafetensorsFile weights(golden.directory() / "model.safetensors");
    for (const io::TensorEntry& entry : weights.entries()) stored[entry.name] = entry.shape;
    const std::string prefix = "gradient.";
    for (const io::TensorEntry& entry : golden.arrays().entries())
      if (entry.name.starts_with(prefix)) gradients[entry.name.substr(prefix.size())] = entry.shape;
    EXPECT_EQ(specified_shapes(golden.config()), stored) << name;
    EXPECT_EQ(specified_shapes(golden.config()), gradients) << name;
  }
}

TEST(ModelGoldens, ConfigsOfTransformers5AreReadWithoutUnknownKeysAndSurviveARoundTrip) {
  for (const std::string& name : test::model_golden_names()) {
    const ModelConfig config =
        read_model_config(test::model_golden_folder() / name / "config.json", {.strict = true});
    EXPECT_EQ(parse_model_config(to_json(config), name), config) << name;
    EXPECT_EQ(config.dtype, "bfloat16") << name;
  }
}

TEST(ModelGoldens, CoverEveryArchitectureAndRopeType) {
  std::set<Architecture> architectures;
  std::set<RopeType> types;
  for (const std::string& name : test::model_golden_names()) {
    const ModelGolden golden(name);
    architectures.insert(golden.config().architecture);
    types.insert(golden.config().rope.type);
    EXPECT_EQ(golden.ids("long.ids").size(), 40U);
    EXPECT_THAT(golden.shape("long.logits"), ::testing::ElementsAre(40, 97));
    EXPECT_EQ(golden.floats("train.losses").size(), 50U);
  }
  EXPECT_EQ(architectures.size(), 4U);
  EXPECT_EQ(types.size(), 5U);
}

}  // namespace
}  // namespace llm::arch
