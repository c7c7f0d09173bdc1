// Oracle: peft (scripts/goldens/make_lora.py): weights after merge_and_unload, and logits of the
// adapter at run time.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "llm/convert/conversion.h"
#include "llm/convert/lora_adapter.h"
#include "llm/convert/model_directory.h"
#include "llm/nn/causal_lm.h"
#include "llm/tensor/device.h"
#include "support/paths.h"
#include "support/temp_directory.h"

namespace llm::convert {
namespace {

namespace fs = std::filesystem;

fs::path lora_folder() { return test::source_dir() / "tests/golden/lora"; }

std::vector<std::string> lora_names() {
  std::vector<std::string> names;
  const io::Json manifest = io::read_json_file(lora_folder() / "manifest.json");
  for (const auto& [name, unused] : manifest.at("adapters").items()) names.push_back(name);
  return names;
}

class LoraGoldenTest : public testing::TestWithParam<std::string> {
 protected:
  fs::path directory() const { return lora_folder() / GetParam(); }
  at::Tensor golden(const std::string& name) const {
    return tensor::view_of(file_, *file_.find(name));
  }
  at::Tensor logits_of(const fs::path& model) const {
    const LoadedModel loaded = load_model(model, {.need_tokenizer = false});
    const at::Tensor ids = golden("ids").to(at::kInt);
    const std::vector<int32_t> list(ids.const_data_ptr<int32_t>(),
                                    ids.const_data_ptr<int32_t>() + ids.numel());
    const at::NoGradGuard no_grad;
    return loaded.model->logits(loaded.model->forward(nn::single_document(list, at::kCPU)));
  }
  void expect_logits(const fs::path& model) const {
    const double difference = at::max(at::abs(logits_of(model) - golden("logits"))).item<double>();
    EXPECT_LE(difference, 1e-5 * at::max(at::abs(golden("logits"))).item<double>());
  }

  io::SafetensorsFile file_{directory() / "golden.safetensors"};
};

TEST_P(LoraGoldenTest, MergedWeightsAreThoseOfPeft) {
  const ModelSource source = open_model(directory());
  EXPECT_EQ(source.format, ModelFormat::kAdapter);
  require_exact_weights(*source.weights, source.config);
  int compared = 0;
  for (const io::TensorEntry& entry : file_.entries()) {
    const std::string prefix = "merged.";
    if (!entry.name.starts_with(prefix)) continue;
    const std::string name = entry.name.substr(prefix.size());
    const at::Tensor expected = golden(entry.name);
    const at::Tensor got = source.weights->read(name).to(at::kFloat);
    EXPECT_LE((at::norm(got - expected) / at::norm(expected)).item<double>(), 1e-6) << name;
    ++compared;
  }
  EXPECT_TRUE(compared > 0 || GetParam() == "head");
}

TEST_P(LoraGoldenTest, LogitsAreThoseOfTheAdapterAtRunTime) { expect_logits(directory()); }

TEST_P(LoraGoldenTest, SoAreThoseOfTheMergedModel) {
  const test::TempDirectory out;
  write_hugging_face(open_model(directory()), out / "merged", {.dtype = at::kFloat});
  EXPECT_FALSE(is_adapter_directory(out / "merged"));
  expect_logits(out / "merged");
}

TEST_P(LoraGoldenTest, WhatWeWriteIsWhatPeftWrote) {
  const test::TempDirectory out;
  const ModelSource source = open_model(directory());
  write_adapter(source, out / "copy");
  const ModelSource copy = open_model(out / "copy");
  arch::LoraConfig config = source.adapter->adapter.config();
  config.base_model_name_or_path = copy.adapter->adapter.config().base_model_name_or_path;
  EXPECT_EQ(copy.adapter->adapter.config(), config);
  const io::SafetensorsFile& before = source.adapter->adapter.file();
  const io::SafetensorsFile& after = copy.adapter->adapter.file();
  ASSERT_EQ(after.entries().size(), before.entries().size());
  for (const io::TensorEntry& entry : before.entries()) {
    ASSERT_NE(after.find(entry.name), nullptr) << entry.name;
    EXPECT_TRUE(
        at::equal(tensor::view_of(before, entry), tensor::view_of(after, *after.find(entry.name))));
  }
  expect_logits(out / "copy");
}

INSTANTIATE_TEST_SUITE_P(Peft, LoraGoldenTest, testing::ValuesIn(lora_names()),
                         [](const auto& parameter) { return parameter.param; });

}  // namespace
}  // namespace llm::convert
