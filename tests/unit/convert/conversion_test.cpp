// Oracle: the state of the file system after each outcome of the gate.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "llm/convert/conversion.h"
#include "llm/convert/model_directory.h"
#include "llm/core/error.h"
#include "llm/io/fault_hook.h"
#include "support/error_text.h"
#include "support/model_directory.h"
#include "support/temp_directory.h"

namespace llm::convert {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class ConversionTest : public testing::Test {
 protected:
  void SetUp() override {
    tokenizer_ = test::tiny_tokenizer();
    test::save_tiny_model(directory_ / "from", test::tiny_text_config(), tokenizer_.get(),
                          {.max_shard_bytes = 20000});
    directory_.file("from/tokenizer_config.json",
                    R"({"model_max_length": 64, "chat_template": "T", "custom": [1]})");
    directory_.file("from/README.md", "a card");
  }
  ConversionResult run(bool pass, bool force = false, std::optional<at::ScalarType> dtype = {}) {
    const ModelWriter write = [&](const ModelSource& source, const fs::path& out) {
      write_hugging_face(source, out, {.dtype = dtype});
    };
    return convert_model({.from = directory_ / "from", .out = directory_ / "out", .force = force},
                         write, [&](const fs::path& source, const fs::path& result) {
                           EXPECT_EQ(source, directory_ / "from");
                           EXPECT_EQ(result, directory_ / "out.partial");
                           EXPECT_TRUE(fs::exists(result / "model.safetensors"));
                           return GateReport{.passed = pass, .report = {{"passed", pass}}};
                         });
  }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(directory_.path())) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  test::TempDirectory directory_;
  std::shared_ptr<const text::Tokenizer> tokenizer_;
};

TEST_F(ConversionTest, TakesItsNameWhenTheGatePasses) {
  const ConversionResult result = run(true);
  EXPECT_TRUE(result.gate.passed);
  EXPECT_EQ(names(), (std::vector<std::string>{"from", "out"}));
  const LoadedModel loaded = load_model(directory_ / "out");
  EXPECT_EQ(loaded.tokenizer->fingerprint(), tokenizer_->fingerprint());
  EXPECT_EQ(loaded.chat_template, "T");
  EXPECT_EQ(test::read_bytes(directory_ / "out/tokenizer_config.json"),
            test::read_bytes(directory_ / "from/tokenizer_config.json"));
}

TEST_F(ConversionTest, KeepsTheSourcesDtypeUnlessTold) {
  test::save_tiny_model(directory_ / "from", test::tiny_text_config(), nullptr,
                        {.dtype = at::kBFloat16});
  run(true);
  EXPECT_EQ(WeightFiles(directory_ / "out").entry("model.norm.weight").dtype, at::kBFloat16);
  run(true, true, at::kHalf);
  EXPECT_EQ(WeightFiles(directory_ / "out").entry("model.norm.weight").dtype, at::kHalf);
}

TEST_F(ConversionTest, ARefusedResultStaysAsFailedWithItsReport) {
  const ConversionResult result = run(false);
  EXPECT_EQ(result.path, directory_ / "out.failed");
  EXPECT_EQ(names(), (std::vector<std::string>{"from", "out.failed"}));
  EXPECT_EQ(io::read_json_file(directory_ / "out.failed/conversion_report.json")["passed"], false);
  run(false);
  EXPECT_EQ(names(), (std::vector<std::string>{"from", "out.failed"}));
}

TEST_F(ConversionTest, AnExistingResultIsReplacedOnlyWithForce) {
  run(true);
  const auto error = test::error_text<core::ConfigError>([&] { run(true); });
  EXPECT_THAT(error, HasSubstr("--out: expected a name that does not exist yet"));
  run(true, true);
  EXPECT_EQ(names(), (std::vector<std::string>{"from", "out"}));
  run(false, true);  // the gate refuses: what was there stays
  EXPECT_EQ(names(), (std::vector<std::string>{"from", "out", "out.failed"}));
}

TEST_F(ConversionTest, ForceReplacesModelsOnly) {
  fs::create_directories(directory_ / "out");
  directory_.file("out/thesis.txt", "years of work");
  EXPECT_THAT(test::error_text<core::ConfigError>([&] { run(true, true); }),
              HasSubstr("expected a model to replace"));
  EXPECT_TRUE(fs::exists(directory_ / "out/thesis.txt"));
}

TEST_F(ConversionTest, TheSourceIsNeverTheResult) {
  const Conversion onto_itself{.from = directory_ / "from", .out = directory_ / "from/../from/"};
  EXPECT_THAT(test::error_text<core::ConfigError>([&] {
                convert_model(
                    onto_itself, [](const ModelSource&, const fs::path&) {},
                    [](const fs::path&, const fs::path&) { return GateReport{}; });
              }),
              HasSubstr("expected another name than --from"));
}

TEST_F(ConversionTest, IsStoppedBetweenTensorsAndLeavesNothingBehind) {
  struct Stop {};
  int reads = 0;
  const OpenOptions open{.on_read = [&](const std::string&) {
    if (++reads == 3) throw Stop{};
  }};
  EXPECT_THROW(
      convert_model(
          {.from = directory_ / "from", .out = directory_ / "out", .open = open},
          [](const ModelSource& source, const fs::path& out) { write_hugging_face(source, out); },
          [](const fs::path&, const fs::path&) { return GateReport{}; }),
      Stop);
  EXPECT_EQ(reads, 3);
  EXPECT_EQ(names(), std::vector<std::string>{"from"});
}

// A disk that is full, or breaks, at each operation in turn.
TEST_F(ConversionTest, AnErrorOfAnyOperationLeavesTheTargetOldOrNew) {
  struct HookOff {
    ~HookOff() { io::set_fault_hook({}); }
  } hook_off;
  const auto weights_at = [&](const char* name) {
    return test::read_bytes(directory_ / name / "model.safetensors");
  };
  run(true, false, at::kHalf);
  const std::string fresh = weights_at("out");
  for (const bool replaces : {false, true}) {
    std::string old;
    if (replaces) {
      run(true, true, at::kFloat);
      old = weights_at("out");
    } else {
      fs::remove_all(directory_ / "out");
    }
    bool was_reached = true;
    for (uint64_t at = 0; was_reached; ++at) {
      was_reached = false;
      const int error = at % 2 == 0 ? ENOSPC : EIO;
      io::set_fault_hook([&](const io::FileOperation& operation) {
        if (operation.number != at) return 0;
        was_reached = true;
        return error;
      });
      try {
        run(true, replaces, at::kHalf);
      } catch (const core::IoError& failure) {
        EXPECT_EQ(failure.error_number(), error) << failure.what();
      }
      io::set_fault_hook({});
      const bool is_there = fs::exists(directory_ / "out");
      EXPECT_TRUE(is_there || !replaces) << "operation " << at;
      EXPECT_TRUE(!is_there || weights_at("out") == fresh || weights_at("out") == old);
      if (is_there) load_model(directory_ / "out");
      if (!replaces) fs::remove_all(directory_ / "out");
      fs::remove_all(directory_ / "out.partial");
      EXPECT_EQ(names().size(), replaces ? 2u : 1u) << "operation " << at;
    }
  }
}

TEST_F(ConversionTest, FoldersAboveTheResultAreMadeAndLeaveWithAFailure) {
  const ModelWriter write = [](const ModelSource& source, const fs::path& out) {
    write_hugging_face(source, out);
  };
  const auto convert = [&](const ConversionGate& gate) {
    return convert_model({.from = directory_ / "from", .out = directory_ / "new/deep/out"}, write,
                         gate);
  };
  EXPECT_THROW(convert([](const fs::path&, const fs::path&) -> GateReport {
                 throw std::runtime_error("gate");
               }),
               std::runtime_error);
  EXPECT_EQ(names(), std::vector<std::string>{"from"});
  convert(
      [](const fs::path&, const fs::path&) { return GateReport{.passed = true, .report = {}}; });
  EXPECT_TRUE(fs::exists(directory_ / "new/deep/out/config.json"));
}

TEST_F(ConversionTest, AnErrorLeavesNothingBehind) {
  test::patch_json(directory_ / "from/config.json", "num_hidden_layers", 3);
  EXPECT_THAT(test::error_text<core::FormatError>([&] { run(true); }), HasSubstr("9 missing"));
  EXPECT_EQ(names(), std::vector<std::string>{"from"});
  test::patch_json(directory_ / "from/config.json", "num_hidden_layers", 2);
  EXPECT_THROW(
      convert_model(
          {.from = directory_ / "from", .out = directory_ / "out"},
          [](const ModelSource& source, const fs::path& out) { write_hugging_face(source, out); },
          [](const fs::path&, const fs::path&) -> GateReport { throw std::runtime_error("gate"); }),
      std::runtime_error);
  EXPECT_EQ(names(), std::vector<std::string>{"from"});
}

}  // namespace
}  // namespace llm::convert
