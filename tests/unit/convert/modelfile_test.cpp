// Oracle: ChatTemplate's rendering of the Jinja text, against the Go template run by an evaluator
// of its own (tests/support/go_template.h), and Ollama's rules for quotes (ollama/ollama
// parser.go).
#include "llm/convert/modelfile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "llm/convert/turn_template.h"
#include "llm/io/file.h"
#include "support/go_template.h"
#include "support/model_directory.h"
#include "support/paths.h"
#include "support/temp_directory.h"

namespace llm::convert {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using text::ChatMessage;
using Talk = std::vector<ChatMessage>;

using Commands = std::vector<std::pair<std::string, std::string>>;

// A value in quotes ends at the first line end behind which the quotes are closed.
std::optional<std::string> unquoted(std::string value) {
  while (!value.empty() && std::isspace(static_cast<unsigned char>(value.back()))) value.pop_back();
  for (const std::string quotes : {"\"\"\"", "\""}) {
    if (!value.starts_with(quotes)) continue;
    if (value.size() < 2 * quotes.size() || !value.ends_with(quotes)) return std::nullopt;
    return value.substr(quotes.size(), value.size() - 2 * quotes.size());
  }
  return value;
}

Commands parse_modelfile(const std::string& text) {
  Commands commands;
  for (size_t at = 0; at < text.size();) {
    size_t end = text.find('\n', at);
    if (text[at] == '#' || text[at] == '\n') {
      at = end + 1;
      continue;
    }
    std::string name = text.substr(at, text.find(' ', at) - at);
    at += name.size() + 1;
    if (name == "PARAMETER") {
      name = text.substr(at, text.find(' ', at) - at);
      at += name.size() + 1;
    }
    std::optional<std::string> value;
    for (; end != text.npos && !(value = unquoted(text.substr(at, end - at)));)
      end = text.find('\n', end + 1);
    if (!value) {
      ADD_FAILURE() << "quotes of " << name << " are not closed";
      return commands;
    }
    commands.emplace_back(name, *value);
    at = end + 1;
  }
  return commands;
}

std::vector<std::string> values(const Commands& commands, const std::string& name) {
  std::vector<std::string> found;
  for (const auto& [known, value] : commands)
    if (known == name) found.push_back(value);
  return found;
}

text::TemplateTokens tokens() {
  return {.variables = {{"bos_token", "<s>"}, {"eos_token", "</s>"}}, .stop = {}, .special = {}};
}

std::vector<Talk> talks() {
  const std::vector<Talk> plain = {
      {{"user", "Hi"}},
      {{"user", "Hi"}, {"assistant", "Hello there"}, {"user", "How are you?"}},
      {{"user", "한국어 👩‍👩‍👧"},
       {"assistant", "네.\n\n좋아요"},
       {"user", "{{ x }}{"}},
      {{"user", "a"},
       {"assistant", "b"},
       {"user", "c"},
       {"assistant", "d"},
       {"user", "<s>\"\"\""}}};
  std::vector<Talk> all = plain;
  for (Talk talk : plain) {
    talk.insert(talk.begin(), {"system", "Be kind.\nAnd \"brief\"."});
    all.push_back(std::move(talk));
  }
  return all;
}

// Conversations on which both languages say the same; those with a system message count only where
// the template takes one.
void expect_same_text(const text::ChatTemplate& chat_template, const std::string& name) {
  const auto turns = find_turns(chat_template);
  ASSERT_TRUE(turns.has_value()) << name;
  test::GoTemplate go(go_template(*turns));
  for (const Talk& talk : talks()) {
    if (talk[0].role == "system" && !turns->has_system) continue;
    EXPECT_EQ(go.run(talk), text::joined_text(chat_template.render(talk, true))) << name;
  }
}

TEST(TurnTemplateTest, EveryNamedTemplateHasAnEqualInGo) {
  for (const std::string& name : text::named_templates())
    expect_same_text(text::ChatTemplate::from_jinja(text::jinja_of(name), tokens()), name);
}

TEST(TurnTemplateTest, PublishedTemplates) {
  const fs::path folder = test::shared_dir() / "data/templates";
  if (!fs::exists(folder)) GTEST_SKIP() << "skipped: " << folder << " is absent";
  std::vector<std::string> without;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().stem().string();
    const auto chat_template =
        text::ChatTemplate::from_jinja(io::read_file(entry.path()), tokens());
    if (find_turns(chat_template))
      expect_same_text(chat_template, name);
    else
      without.push_back(name);
  }
  // The one needs tools, the other puts the system message into the last user's turn.
  EXPECT_THAT(without, UnorderedElementsAre("NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use",
                                            "mistralai-Mistral-Nemo-Instruct-2407"));
}

TEST(TurnTemplateTest, WhatIsNoSequenceOfTurnsIsNotGuessed) {
  for (const char* jinja :
       {"{{ messages | length }}{% for m in messages %}{{ m.content }}{% endfor %}",
        "{{ messages[-1].content }}",
        "{% for m in messages %}<{{ loop.index }}>{{ m.content }}{% endfor %}",
        "{% for m in messages %}[{{ m.content | upper }}]{% endfor %}"})
    EXPECT_FALSE(find_turns(text::ChatTemplate::from_jinja(jinja, tokens()))) << jinja;
}

TEST(TurnTemplateTest, FindsTheDefaultSystemPromptAndTrimming) {
  const auto turns = find_turns(text::ChatTemplate::from_jinja(
      "{% if messages[0].role != 'system' %}<sys>Be good.</sys>{% endif %}"
      "{% for m in messages %}{% if m.role == 'system' %}<sys>{{ m.content }}</sys>"
      "{% else %}<{{ m.role }}>{{ m.content | trim }}</s>{% endif %}{% endfor %}"
      "{% if add_generation_prompt %}<assistant>{% endif %}",
      tokens()));
  ASSERT_TRUE(turns.has_value());
  EXPECT_EQ(turns->default_system, "Be good.");
  EXPECT_TRUE(turns->trims);
  EXPECT_EQ(turns->before_user, "<user>");
  EXPECT_EQ(turns->generation_prompt, "<assistant>");
}

class ModelfileTest : public testing::Test {
 protected:
  ModelSource source(const std::string& jinja) {
    tokenizer_ = test::tiny_tokenizer();
    test::save_tiny_model(directory_ / "model", test::tiny_text_config(), tokenizer_.get());
    directory_.file("model/generation_config.json",
                    R"({"eos_token_id": [0, 3], "temperature": 0.7, "top_p": 0.9, "top_k": 40,
                        "repetition_penalty": 1.1, "max_new_tokens": 99})");
    directory_.file("model/chat_template.jinja", jinja);
    return open_model(directory_ / "model");
  }
  test::TempDirectory directory_;
  std::shared_ptr<const text::Tokenizer> tokenizer_;
};

TEST_F(ModelfileTest, HoldsTemplateStopTokensAndSampling) {
  const Modelfile file = make_modelfile(source(text::jinja_of("chatml")), "my model.gguf");
  EXPECT_THAT(file.warnings, IsEmpty());
  const Commands commands = parse_modelfile(file.text);
  EXPECT_THAT(values(commands, "FROM"), ElementsAre("./my model.gguf"));
  test::GoTemplate go(values(commands, "TEMPLATE").at(0));
  EXPECT_EQ(go.run({{"user", "Hi"}}), "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_THAT(values(commands, "SYSTEM"), IsEmpty());
  EXPECT_THAT(values(commands, "stop"),
              ElementsAre("<|endoftext|>", tokenizer_->decode(std::vector<int32_t>{3})));
  EXPECT_THAT(values(commands, "temperature"), ElementsAre("0.7"));
  EXPECT_THAT(values(commands, "top_p"), ElementsAre("0.9"));
  EXPECT_THAT(values(commands, "top_k"), ElementsAre("40"));
  EXPECT_THAT(values(commands, "repeat_penalty"), ElementsAre("1.1"));
  EXPECT_THAT(values(commands, "repeat_last_n"), ElementsAre("-1"));
  EXPECT_THAT(values(commands, "num_predict"), ElementsAre("99"));
  EXPECT_THAT(values(commands, "num_ctx"), ElementsAre("64"));
  EXPECT_EQ(modelfile_path("a/b-q8_0.gguf"), "a/b-q8_0.Modelfile");
}

TEST_F(ModelfileTest, QuotesInValuesDoNotEndThem) {
  const std::string jinja =
      "{% for m in messages %}{% if m.role == 'user' %}\"\"\"\n\"\"\"  \n{{ '{' + '{ x' }}"
      "{{ m.content }}\"\"\"{% else %}{{ m.content }}\n\"\"\"\n{% endif %}{% endfor %}";
  const Modelfile file = make_modelfile(source(jinja), "m.gguf");
  const Commands commands = parse_modelfile(file.text);
  test::GoTemplate go(values(commands, "TEMPLATE").at(0));
  for (const Talk& talk : {talks()[0], talks()[1], talks()[3]})
    EXPECT_EQ(go.run(talk),
              text::joined_text(text::ChatTemplate::from_jinja(jinja).render(talk, true)));
  EXPECT_EQ(values(commands, "stop").size(), 2u);
}

TEST_F(ModelfileTest, ADefaultSystemPromptBecomesSystem) {
  const std::string jinja =
      "{% if messages[0].role != 'system' %}<sys>You are \"Smol\".\nBe good.</sys>{% endif %}"
      "{% for m in messages %}<{{ m.role[:3] }}>{{ m.content }}</{{ m.role[:3] }}>{% endfor "
      "%}<ass>";
  const Commands commands = parse_modelfile(make_modelfile(source(jinja), "m.gguf").text);
  EXPECT_THAT(values(commands, "SYSTEM"), ElementsAre("You are \"Smol\".\nBe good."));
}

TEST_F(ModelfileTest, ATemplateWithoutEqualIsLeftOutWithAWarning) {
  const Modelfile file = make_modelfile(source("{{ messages[-1].content }}"), "m.gguf");
  EXPECT_THAT(values(parse_modelfile(file.text), "TEMPLATE"), IsEmpty());
  EXPECT_THAT(file.text, HasSubstr("# TEMPLATE is missing"));
  EXPECT_THAT(file.warnings, ElementsAre(HasSubstr("has no equal")));
}

TEST_F(ModelfileTest, AModelWithoutTemplateCompletesThePrompt) {
  const Modelfile file = make_modelfile(source(""), "m.gguf");
  EXPECT_THAT(file.warnings, IsEmpty());
  test::GoTemplate go(values(parse_modelfile(file.text), "TEMPLATE").at(0));
  EXPECT_EQ(go.run({{"user", "Once"}}), "Once");
}

}  // namespace
}  // namespace llm::convert
