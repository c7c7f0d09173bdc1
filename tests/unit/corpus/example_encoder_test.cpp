// Oracle: what a person reads off the row: every trained run is an assistant's words and the end
// marker of its turn; text::encode_segments for the ids of whole conversations; arithmetic for
// lengths.
#include "llm/corpus/example_encoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "llm/core/error.h"
#include "support/error_text.h"
#include "support/paths.h"
#include "unit/corpus/example_fixture.h"

namespace llm::corpus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
namespace fs = std::filesystem;
using TokenizerPtr = std::shared_ptr<const text::Tokenizer>;

constexpr const char* kTwoTurns =
    R"({"messages": [{"role": "user", "content": "the fox"},)"
    R"( {"role": "assistant", "content": "lazy dog"}, {"role": "user", "content": "quick"},)"
    R"( {"role": "assistant", "content": "brown 한국어"}]})";
constexpr const char* kPair =
    R"({"prompt": "the fox", "chosen": "lazy 한국어", "rejected": "brown dog and the rest"})";

class ExampleEncoding : public testing::Test {
 protected:
  TokenizerPtr tokenizer(const TokenizerChanges& changes = {.bos = "<s>", .eos = "</s>"}) {
    return marker_tokenizer(dir_, changes);
  }
  ExampleEncoder encoder(const EncodeConfig& config) { return encoder_of(tokenizer_, config); }
  EncodedExample encode(const std::string& row, const EncodeConfig& config) {
    return encoder(config).encode(example_of(row));
  }
  std::string text(const TrainingDocument& document) { return tokenizer_->decode(document.ids); }
  std::vector<std::string> trained(const EncodedExample& example, size_t document = 0) {
    return trained_texts(*tokenizer_, example.documents.at(document));
  }
  std::string refusal(const std::string& row, const EncodeConfig& config) {
    return test::error_text<core::Error>([&] { encode(row, config); });
  }

  test::TempDirectory dir_;
  TokenizerPtr tokenizer_ = tokenizer();
};

// What a template writes between the words and their end.
std::string words_of(const text::Tokenizer& tokenizer, const TrainingDocument& document,
                     size_t run) {
  std::string text = trained_texts(tokenizer, document).at(run);
  for (const std::string& marker : example_markers())
    if (text.ends_with(marker)) text.resize(text.size() - marker.size());
  const size_t thought = text.find("</think>\n\n");  // of Qwen3's last answer
  if (thought != text.npos) text = text.substr(thought + 10);
  while (text.ends_with(' ')) text.pop_back();  // of Llama 2's
  return text;
}

std::vector<std::string> all_templates() {
  std::vector<std::string> names = text::named_templates();
  const fs::path published = test::shared_dir() / "data/templates";
  if (!fs::exists(published)) return names;
  for (const auto& entry : fs::directory_iterator(published))
    if (entry.path().filename().string().find("tool_use") == std::string::npos)
      names.push_back(entry.path().string());
  return names;
}

TEST_F(ExampleEncoding, EveryTemplateTrainsTheWordsAndOneEndOfTurn) {
  for (const std::string& name : all_templates()) {
    const EncodedExample example = encode(kTwoTurns, {.chat_template = name});
    const TrainingDocument& document = example.documents.at(0);
    ASSERT_EQ(trained(example).size(), 2u) << name;
    EXPECT_EQ(words_of(*tokenizer_, document, 0), "lazy dog") << name;
    EXPECT_EQ(words_of(*tokenizer_, document, 1), "brown 한국어") << name;
    for (size_t i = 0; i + 1 < document.ids.size(); ++i) {
      const bool is_end = document.trained[i] && tokenizer_->is_special(document.ids[i]);
      EXPECT_TRUE(!is_end || !document.trained[i + 1]) << name << " at " << i;
    }
    const auto ends = std::ranges::count_if(document.ids, [&](const int32_t& id) {
      return tokenizer_->is_special(id) &&
             document.trained[static_cast<size_t>(&id - document.ids.data())];
    });
    EXPECT_EQ(ends, 2) << name;
  }
}

TEST_F(ExampleEncoding, IdsAndMaskAreThoseOfTheRenderedConversation) {
  const Example row = example_of(kTwoTurns);
  for (const std::string& name : all_templates()) {
    const ExampleEncoder encode = encoder({.chat_template = name});
    text::RenderRequest request;
    for (const auto* part : {&row.prompt, &row.completion})
      for (const io::OrderedJson& message : *part) request.messages.push_back(message);
    const auto whole = text::encode_segments(*tokenizer_, encode.chat_template()->render(request));
    const TrainingDocument document = encode.encode(row).documents.at(0);
    EXPECT_EQ(document.ids, whole.ids) << name;
    EXPECT_EQ(document.trained, whole.trainable) << name;
  }
}

TEST_F(ExampleEncoding, TrainOnChoosesAnswers) {
  const auto runs = [&](TrainOn train_on) {
    return trained(encode(kTwoTurns, {.chat_template = "chatml", .train_on = train_on}));
  };
  EXPECT_THAT(runs(TrainOn::kAuto), ElementsAre("lazy dog<|im_end|>", "brown 한국어<|im_end|>"));
  EXPECT_THAT(runs(TrainOn::kAssistant), runs(TrainOn::kAuto));
  EXPECT_THAT(runs(TrainOn::kCompletion), ElementsAre("brown 한국어<|im_end|>"));
  EXPECT_THAT(runs(TrainOn::kLast), ElementsAre("brown 한국어<|im_end|>"));
  const EncodedExample all =
      encode(kTwoTurns, {.chat_template = "chatml", .train_on = TrainOn::kAll});
  EXPECT_THAT(trained(all), ElementsAre(text(all.documents[0])));
  const std::string alpaca =
      R"({"instruction": "the", "input": "fox", "output": "dog", "history": [["quick", "lazy"]]})";
  EXPECT_THAT(trained(encode(alpaca, {.chat_template = "chatml"})), ElementsAre("dog<|im_end|>"));
  EXPECT_THAT(trained(encode(alpaca, {.chat_template = "chatml", .train_on = TrainOn::kAssistant})),
              ElementsAre("lazy<|im_end|>", "dog<|im_end|>"));
}

TEST_F(ExampleEncoding, ACompletionOfSeveralMessagesIsTrainedButForTheTools) {
  const std::string row =
      R"({"prompt": [{"role": "user", "content": "the"}], "completion": [)"
      R"({"role": "assistant", "content": "fox"}, {"role": "tool", "content": "dog"},)"
      R"({"role": "assistant", "content": "lazy"}]})";
  EXPECT_THAT(trained(encode(row, {.chat_template = "chatml"})),
              ElementsAre("fox<|im_end|>", "lazy<|im_end|>"));
  EXPECT_THAT(trained(encode(row, {.chat_template = "chatml", .train_on = TrainOn::kLast})),
              ElementsAre("lazy<|im_end|>"));
}

TEST_F(ExampleEncoding, PlainTextsAndMessagesGiveTheSameTokens) {
  const EncodeConfig config{.chat_template = "chatml"};
  const auto plain = encode(R"({"prompt": "the fox", "completion": "dog"})", config);
  const auto messages = encode(
      R"({"messages": [{"role": "user", "content": "the fox"}, {"role": "assistant", "content": "dog"}]})",
      config);
  EXPECT_EQ(plain.documents[0].ids, messages.documents[0].ids);
  EXPECT_EQ(plain.documents[0].trained, messages.documents[0].trained);
}

TEST_F(ExampleEncoding, ThePairSharesItsPromptAndTrainsBothAnswers) {
  for (const std::string& name : all_templates()) {
    const EncodedExample pair = encode(kPair, {.chat_template = name});
    ASSERT_EQ(pair.documents.size(), 2u);
    EXPECT_EQ(words_of(*tokenizer_, pair.documents[0], 0), "lazy 한국어") << name;
    EXPECT_EQ(words_of(*tokenizer_, pair.documents[1], 0), "brown dog and the rest") << name;
    const auto prompt_size = [](const TrainingDocument& document) {
      return std::ranges::find(document.trained, true) - document.trained.begin();
    };
    ASSERT_EQ(prompt_size(pair.documents[0]), prompt_size(pair.documents[1])) << name;
    EXPECT_TRUE(std::equal(pair.documents[0].ids.begin(),
                           pair.documents[0].ids.begin() + prompt_size(pair.documents[0]),
                           pair.documents[1].ids.begin()))
        << name;
  }
  EXPECT_THAT(trained(encode(kPair, {.chat_template = "chatml", .train_on = TrainOn::kAll})),
              ElementsAre("lazy 한국어<|im_end|>"));
  EXPECT_FALSE(encode(kPair, {.chat_template = "chatml"}).is_identical);
  EXPECT_TRUE(
      encode(R"({"prompt": "a", "chosen": "b", "rejected": "b"})", {.chat_template = "chatml"})
          .is_identical);
}

// For every length there is: what is kept ends its turn, fits, and is the beginning of the whole.
TEST_F(ExampleEncoding, TruncationKeepsTheEndOfTurnAndWholeCharacters) {
  for (const char* row : {kTwoTurns, kPair, R"({"text": "the 한국어 quick 🙂 brown fox"})",
                          R"({"prompt": "the", "completion": "🙂🙂🙂"})"}) {
    const EncodedExample whole = encode(row, {.chat_template = "chatml", .max_length = 0});
    const auto longest = static_cast<int64_t>(
        std::max(whole.documents[0].ids.size(), whole.documents.back().ids.size()));
    size_t kept = 0;
    for (int64_t length = 1; length <= longest; ++length) {
      const EncodedExample cut = encode(row, {.chat_template = "chatml", .max_length = length});
      EXPECT_EQ(cut.is_truncated, cut.outcome == ExampleOutcome::kKept && length < longest);
      if (cut.outcome != ExampleOutcome::kKept) {
        EXPECT_EQ(cut.outcome, ExampleOutcome::kTooLong);
        EXPECT_EQ(kept, 0u) << length;
        continue;
      }
      ++kept;
      for (size_t d = 0; d < cut.documents.size(); ++d) {
        const std::vector<int32_t>& ids = cut.documents[d].ids;
        const std::vector<int32_t>& all = whole.documents[d].ids;
        ASSERT_LE(ids.size(), static_cast<size_t>(length));
        ASSERT_EQ(cut.documents[d].trained.size(), ids.size());
        if (all.size() <= static_cast<size_t>(length)) {
          EXPECT_EQ(ids, all);
          continue;
        }
        EXPECT_TRUE(tokenizer_->is_special(ids.back()) && cut.documents[d].trained.back());
        EXPECT_TRUE(cut.documents[d].trained[ids.size() - 2]) << "no word of the answer";
        EXPECT_TRUE(std::equal(ids.begin(), ids.end() - 1, all.begin()));
        EXPECT_EQ(text(cut.documents[d]).find("\uFFFD"), std::string::npos) << length;
      }
    }
    EXPECT_GE(kept, 5u) << row;
  }
}

// What a template opens the answer with is trained, too, but is none of it.
TEST_F(ExampleEncoding, TruncationKeepsAWordOfTheAnswer) {
  const std::string file =
      dir_.file("think.jinja",
                "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' }}"
                "{% if m.role == 'assistant' %}{{ '<think>the fox</think>' }}{% endif %}"
                "{{ m.content + '<|im_end|>\\n' }}{% endfor %}"
                "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")
          .string();
  const std::string row = R"({"prompt": "the", "completion": "lazy dog"})";
  size_t kept = 0;
  for (int64_t length = 1; length < 60; ++length) {
    const EncodedExample cut = encode(row, {.chat_template = file, .max_length = length});
    if (cut.outcome != ExampleOutcome::kKept) continue;
    ++kept;
    EXPECT_THAT(trained(cut),
                ElementsAre(testing::MatchesRegex("<think>the fox</think>l.*<.im_end.>")));
  }
  EXPECT_GT(kept, 5u);
}

TEST_F(ExampleEncoding, DropLeavesLongRowsOut) {
  const EncodeConfig config{
      .chat_template = "chatml", .max_length = 20, .truncation = Truncation::kDrop};
  EXPECT_EQ(encode(kTwoTurns, config).outcome, ExampleOutcome::kTooLong);
  EXPECT_TRUE(encode(kTwoTurns, config).documents.empty());
  EXPECT_EQ(encode(R"({"text": "the"})", config).outcome, ExampleOutcome::kKept);
}

TEST_F(ExampleEncoding, WithoutATemplatePromptAndAnswerStandAsTheyAre) {
  const EncodeConfig none{.chat_template = "none"};
  const std::string row = R"({"prompt": "the fox:", "completion": " dog"})";
  const EncodedExample example = encode(row, none);
  EXPECT_EQ(text(example.documents[0]), "the fox: dog</s>");
  EXPECT_THAT(trained(example), ElementsAre(" dog</s>"));
  EXPECT_THAT(
      trained(encode(R"({"prompt": "x <|im_end|>", "chosen": "y", "rejected": "z"})", none), 1),
      ElementsAre("z</s>"));
  EXPECT_THAT(refusal(kTwoTurns, none),
              testing::AllOf(HasSubstr("rows.jsonl:7"), HasSubstr("plain texts"),
                             HasSubstr("4 messages"), HasSubstr("chatml")));
}

// Special tokens that a text spells stay text, so each count here is of ids.
TEST_F(ExampleEncoding, BosStandsWhereTheTokenizerPutsItAndOnce) {
  const auto count = [](const std::vector<int32_t>& ids, int32_t id) {
    return std::ranges::count(ids, id);
  };
  for (const bool adds_bos : {false, true}) {
    tokenizer_ = tokenizer({.bos = "<s>", .eos = "</s>", .adds_bos = adds_bos});
    const int32_t bos = *tokenizer_->bos_id(), eos = *tokenizer_->eos_id();
    for (const std::string row :
         {R"({"text": "<s>the fox</s>"})", R"({"prompt": "<s>a", "completion": "b"})"}) {
      const auto ids = encode(row, {.chat_template = "none"}).documents[0].ids;
      EXPECT_EQ(count(ids, bos), adds_bos ? 1 : 0);
      EXPECT_EQ(ids[0] == bos, adds_bos);
      EXPECT_EQ(count(ids, eos), 1);
      EXPECT_EQ(ids.back(), eos);
    }
    const auto templated = encode(kTwoTurns, {.chat_template = "mistral"}).documents[0].ids;
    EXPECT_EQ(count(templated, bos), 1);
    const auto chatml = encode(kTwoTurns, {.chat_template = "chatml"}).documents[0].ids;
    EXPECT_EQ(count(chatml, bos), 0);
  }
}

TEST_F(ExampleEncoding, ATextIsTrainedWholeAndEndsWithEos) {
  const EncodedExample example = encode(R"({"text": "the fox"})", {.chat_template = "chatml"});
  EXPECT_THAT(trained(example), ElementsAre("the fox</s>"));
  EXPECT_EQ(count_trained(example.documents[0]), example.documents[0].ids.size() - 1);
}

TEST_F(ExampleEncoding, ASentencePieceAnswerContinuesItsPrompt) {
  const fs::path model = test::shared_dir() / "data/models/stories260K/tok512.bin";
  if (!fs::exists(model)) GTEST_SKIP() << "skipped: " << model << " is absent";
  tokenizer_ = text::load_tokenizer(model);
  for (const std::string answer : {"Bob", " Bob", "  a time"}) {
    const io::OrderedJson row = {{"prompt", "Once upon"}, {"completion", answer}};
    const auto ids = encode(row.dump(), {.chat_template = "none"}).documents[0].ids;
    EXPECT_EQ(tokenizer_->decode(ids, true), "Once upon" + answer);
  }
}

TEST_F(ExampleEncoding, ATemplateWithoutEndMarkerGetsEos) {
  dir_.file("bare.jinja",
            "{% for m in messages %}{{ m.role + ': ' + m.content + '\\n' }}{% endfor %}");
  const EncodedExample example = encode(R"({"prompt": "the", "completion": "dog"})",
                                        {.chat_template = (dir_ / "bare.jinja").string()});
  EXPECT_THAT(trained(example), ElementsAre("dog</s>"));
  EXPECT_EQ(text(example.documents[0]), "user: the\nassistant: dog</s>\n");
}

TEST_F(ExampleEncoding, AnEndMarkerThatIsNoTokenIsRefused) {
  tokenizer_ = text::load_tokenizer(make_tokenizer(dir_));
  const std::string file = dir_.file("own.jinja", text::jinja_of("chatml")).string();
  for (const std::string& name : {std::string("chatml"), file})
    EXPECT_THAT(
        refusal(kTwoTurns, {.chat_template = name}),
        testing::AllOf(HasSubstr(name), HasSubstr("end-of-turn marker"), HasSubstr("<|im_end|>")));
}

TEST_F(ExampleEncoding, AutoIsTheModelsOwnTemplateAndMissedOnlyByDialogues) {
  const EncodeConfig config;
  EXPECT_EQ(text(encode(R"({"text": "the"})", config).documents[0]), "the</s>");
  EXPECT_THAT(refusal(kTwoTurns, config),
              testing::AllOf(HasSubstr("template"), HasSubstr("chatml"), HasSubstr("none")));
  tokenizer_ = tokenizer({.eos = "<|im_end|>", .chat_template = text::jinja_of("chatml")});
  EXPECT_EQ(encode(kTwoTurns, config).documents[0].ids,
            encode(kTwoTurns, {.chat_template = "chatml"}).documents[0].ids);
}

TEST_F(ExampleEncoding, EmptyAnswersAndUntrainedRowsAreLeftOut) {
  const EncodeConfig config{.chat_template = "chatml"};
  const auto outcome = [&](const std::string& row) { return encode(row, config).outcome; };
  EXPECT_EQ(outcome(R"({"prompt": "a", "completion": " \n"})"), ExampleOutcome::kEmpty);
  EXPECT_EQ(outcome(R"({"text": "\t"})"), ExampleOutcome::kEmpty);
  EXPECT_EQ(outcome(R"({"prompt": "a", "chosen": "b", "rejected": ""})"), ExampleOutcome::kEmpty);
  EXPECT_EQ(outcome(R"({"prompt": "a", "chosen": "", "rejected": "b"})"), ExampleOutcome::kEmpty);
  EXPECT_EQ(outcome(R"({"messages": [{"role": "user", "content": "a"}, {"role": "assistant",)"
                    R"( "content": ""}, {"role": "user", "content": "b"}, {"role": "assistant",)"
                    R"( "content": "c"}]})"),
            ExampleOutcome::kEmpty);
  EXPECT_EQ(outcome(R"({"instruction": "a", "output": "c", "history": [["q", ""]]})"),
            ExampleOutcome::kKept);
  EXPECT_EQ(outcome(R"({"input_ids": [5, 6], "labels": [-100, -100]})"),
            ExampleOutcome::kUntrained);
  EXPECT_EQ(outcome(R"({"input_ids": [5, 6], "labels": [5, -100]})"), ExampleOutcome::kUntrained);
  EXPECT_EQ(outcome(R"({"input_ids": []})"), ExampleOutcome::kEmpty);
}

TEST_F(ExampleEncoding, TokensAreTakenAsTheyAreAndCutInTheirLastAnswer) {
  const int32_t end = *tokenizer_->find("<|im_end|>");
  io::OrderedJson row = {{"input_ids", {5, 6, 7, 8, 9, end, 10}},
                         {"labels", {-100, 6, -100, 8, 9, end, -100}}};
  const EncodedExample whole = encode(row.dump(), {});
  EXPECT_THAT(whole.documents[0].ids, ElementsAre(5, 6, 7, 8, 9, end, 10));
  EXPECT_THAT(whole.documents[0].trained, ElementsAre(0, 1, 0, 1, 1, 1, 0));
  const EncodedExample cut = encode(row.dump(), {.max_length = 5});
  EXPECT_THAT(cut.documents[0].ids, ElementsAre(5, 6, 7, 8, end));
  EXPECT_THAT(cut.documents[0].trained, ElementsAre(0, 1, 0, 1, 1));
  EXPECT_EQ(encode(row.dump(), {.max_length = 4}).outcome, ExampleOutcome::kTooLong);
  io::OrderedJson middle = {{"input_ids", {end, 56, 57, 58, 59}}};
  EXPECT_THAT(encode(middle.dump(), {.max_length = 3}).documents.at(0).ids,
              ElementsAre(end, 56, 57));
  row["input_ids"][6] = 100000;
  EXPECT_THAT(refusal(row.dump(), {}), HasSubstr("another tokenizer"));
  EXPECT_THAT(refusal(R"({"chosen_input_ids": [1, 2, 3], "chosen_labels": [-100, -100, 3],)"
                      R"( "rejected_input_ids": [1, 4, 3], "rejected_labels": [-100, -100, 3]})",
                      {}),
              HasSubstr("one prompt"));
}

TEST_F(ExampleEncoding, WhatATemplateRefusesNamesTheRow) {
  const std::string row =
      R"({"messages": [{"role": "system", "content": "s"}, {"role": "assistant", "content": "hi"},)"
      R"( {"role": "user", "content": "the"}, {"role": "assistant", "content": "dog"}]})";
  EXPECT_THAT(refusal(row, {.chat_template = "mistral"}),
              testing::AllOf(HasSubstr("rows.jsonl:7: "), HasSubstr("in turns"),
                             HasSubstr("begins with the assistant")));
  EXPECT_EQ(encode(row, {.chat_template = "chatml"}).outcome, ExampleOutcome::kKept);
}

}  // namespace
}  // namespace llm::corpus
