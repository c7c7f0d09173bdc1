// Oracle: the model that was written: import(export(x)) == x, bit for bit in F32.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "llm/convert/conversion.h"
#include "llm/convert/gguf_file.h"
#include "llm/core/error.h"
#include "support/error_text.h"
#include "support/model_directory.h"
#include "support/temp_directory.h"

namespace llm::convert {
namespace {

using testing::HasSubstr;

class GgufRoundTripTest : public testing::TestWithParam<arch::Architecture> {
 protected:
  void save(const arch::ModelConfig& config) {
    tokenizer_ = test::tiny_tokenizer();
    test::save_tiny_model(directory_ / "from", config, tokenizer_.get());
    directory_.file("from/generation_config.json",
                    R"({"eos_token_id": [0, 3], "temperature": 0.7, "top_k": 40, "mine": [1]})");
    directory_.file("from/chat_template.jinja", "{{ messages[0]['content'] }}");
  }
  ModelSource write_and_open(GgufFileType type) {
    write_gguf(open_model(directory_ / "from"), directory_ / "model.gguf", {.type = type});
    return open_model(directory_ / "model.gguf");
  }

  test::TempDirectory directory_;
  std::shared_ptr<const text::Tokenizer> tokenizer_;
};

void expect_equal_tensors(const WeightSource& a, const WeightSource& b, at::ScalarType dtype) {
  ASSERT_EQ(a.tensors().size(), b.tensors().size());
  for (const auto& [name, tensor] : a.tensors()) {
    const at::ScalarType rounded = tensor.shape.size() == 1 ? at::kFloat : dtype;
    ASSERT_EQ(b.read(name).scalar_type(), rounded) << name;
    EXPECT_TRUE(at::equal(a.read(name).to(rounded), b.read(name))) << name;
  }
}

TEST_P(GgufRoundTripTest, EverythingComesBack) {
  for (const bool tied : {true, false}) {
    save(test::tiny_text_config(GetParam(), tied));
    const ModelSource from = open_model(directory_ / "from");
    const ModelSource back = write_and_open(GgufFileType::kF32);
    EXPECT_EQ(back.format, ModelFormat::kGguf);
    EXPECT_EQ(back.config, from.config);
    EXPECT_EQ(to_json(back.generation), to_json(from.generation));
    EXPECT_EQ(back.chat_template, from.chat_template);
    EXPECT_EQ(back.tokenizer->encode(test::kSampleText), tokenizer_->encode(test::kSampleText));
    expect_equal_tensors(*from.weights, *back.weights, at::kFloat);
    std::filesystem::remove_all(directory_ / "back");
    write_hugging_face(back, directory_ / "back");
    const ModelSource again = open_model(directory_ / "back");
    EXPECT_EQ(again.config, from.config);
    EXPECT_EQ(again.tokenizer->encode(test::kSampleText), tokenizer_->encode(test::kSampleText));
    expect_equal_tensors(*from.weights, *again.weights, at::kFloat);
  }
}

TEST_P(GgufRoundTripTest, HalfPrecisionIsTheSourceRounded) {
  save(test::tiny_text_config(GetParam()));
  const ModelSource from = open_model(directory_ / "from");
  expect_equal_tensors(*from.weights, *write_and_open(GgufFileType::kF16).weights, at::kHalf);
  expect_equal_tensors(*from.weights, *write_and_open(GgufFileType::kBF16).weights, at::kBFloat16);
}

TEST_P(GgufRoundTripTest, QuantisedValuesStayNear) {
  save(test::tiny_text_config(GetParam()));
  const ModelSource from = open_model(directory_ / "from");
  for (const GgufFileType type : {GgufFileType::kQ8_0, GgufFileType::kQ4_0}) {
    const ModelSource back = write_and_open(type);
    const double bound = type == GgufFileType::kQ8_0 ? 0.01 : 0.12;
    for (const auto& [name, unused] : from.weights->tensors()) {
      const at::Tensor a = from.weights->read(name);
      const double error = (at::norm(back.weights->read(name) - a) / at::norm(a)).item<double>();
      EXPECT_LT(error, bound) << name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Architectures, GgufRoundTripTest,
                         testing::Values(arch::Architecture::kLlama, arch::Architecture::kQwen2,
                                         arch::Architecture::kQwen3),
                         [](const auto& parameter) {
                           return std::string(arch::model_type_name(parameter.param));
                         });

using GgufSourceTest = GgufRoundTripTest;

TEST_F(GgufSourceTest, MissingAndUnusedTensorsAreNamed) {
  save(test::tiny_text_config());
  const ModelSource from = open_model(directory_ / "from");
  arch::ModelConfig deeper = from.config;
  deeper.num_hidden_layers = 3;
  EXPECT_THAT(
      test::error_text<core::FormatError>([&] { require_exact_weights(*from.weights, deeper); }),
      HasSubstr("9 missing: model.layers.2."));
}

}  // namespace
}  // namespace llm::convert
