// Oracle: `transformers`' apply_chat_template, over the templates of models that are in use and our
// own, by conversations of every kind (scripts/goldens/make_templates.py).
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>

#include "llm/core/error.h"
#include "llm/io/file.h"
#include "llm/io/json.h"
#include "llm/text/bpe_trainer.h"
#include "llm/text/chat_template.h"
#include "support/paths.h"

namespace llm::text {
namespace {

namespace fs = std::filesystem;

// Markers of all the templates here.
const std::vector<std::string> kMarkers = {"<|im_start|>",
                                           "<|im_end|>",
                                           "<|eot_id|>",
                                           "<|start_header_id|>",
                                           "<|end_header_id|>",
                                           "<s>",
                                           "</s>",
                                           "<end_of_turn>",
                                           "<start_of_turn>",
                                           "<|end|>",
                                           "<|user|>",
                                           "<|assistant|>",
                                           "<｜end▁of▁sentence｜>",
                                           "<｜Assistant｜>",
                                           "<｜User｜>",
                                           "[INST]",
                                           "[/INST]",
                                           "<|endoftext|>"};

struct TemplateCase {
  std::string name;
  ChatTemplate chat_template;
  io::OrderedJson conversation;
  io::OrderedJson expected;  // text or {"error"}
  bool add_generation_prompt = false;

  std::vector<Segment> render() const {
    RenderRequest request;
    request.messages = conversation["messages"];
    request.tools = conversation.value("tools", io::OrderedJson());
    for (const auto& [key, value] : conversation.items())
      if (key != "messages" && key != "tools") request.variables[key] = value;
    request.add_generation_prompt = add_generation_prompt;
    return chat_template.render(request);
  }
};

fs::path own_templates() { return test::source_dir() / "tests/golden/templates"; }
fs::path published_templates() { return test::shared_dir() / "data/templates"; }

TemplateTokens golden_tokens(const io::OrderedJson& golden) {
  TemplateTokens tokens;
  for (const auto& [name, text] : golden["tokens"].items())
    tokens.variables.emplace_back(name, text.get<std::string>());
  tokens.stop = {"</s>"};
  tokens.special = kMarkers;
  return tokens;
}

void visit_cases(const std::string& golden_file, const fs::path& folder, auto&& visit) {
  const io::OrderedJson golden = io::read_ordered_json_file(own_templates() / golden_file);
  for (const auto& [name, rows] : golden["templates"].items()) {
    const ChatTemplate chat_template =
        ChatTemplate::from_jinja(io::read_file(folder / name), golden_tokens(golden), name);
    ASSERT_EQ(rows.size(), golden["conversations"].size());
    for (size_t i = 0; i < rows.size(); ++i) {
      const io::OrderedJson& plain = rows[i][0];
      io::OrderedJson prompted = rows[i][1];
      if (prompted.is_object() && prompted.contains("adds"))
        prompted = plain.get<std::string>() + prompted["adds"].get<std::string>();
      const io::OrderedJson& conversation = golden["conversations"][i];
      visit(TemplateCase{name, chat_template, conversation, plain, false});
      visit(TemplateCase{name, chat_template, conversation, prompted, true});
    }
  }
}

void expect_golden(const TemplateCase& one) {
  std::optional<std::string> got;
  std::string error;
  try {
    got = joined_text(one.render());
  } catch (const core::DataError& problem) {
    error = problem.what();
  }
  if (one.expected.is_string()) {
    EXPECT_EQ(got, one.expected.get<std::string>()) << one.name << one.conversation << error;
  } else {
    EXPECT_FALSE(got) << one.name << one.conversation << one.expected;
    const std::string message = one.expected["error"];
    // What a template says itself; Python's own words are others.
    const bool is_its_own =
        message.find("roles must alternate") != message.npos || message.starts_with("Unknown role");
    EXPECT_TRUE(!is_its_own || error.find(message) != error.npos) << error;
    EXPECT_EQ(error.find(one.name + ":"), 0u) << error;
  }
}

// Users and assistants in turns. Some templates want a list of tools, if an empty one.
std::vector<Segment> render_turns(const TemplateCase& one, const std::vector<std::string>& contents,
                                  bool add_generation_prompt) {
  RenderRequest request;
  for (size_t i = 0; i < contents.size(); ++i)
    request.messages.push_back(
        {{"role", i % 2 == 0 ? "user" : "assistant"}, {"content", contents[i]}});
  if (one.name.find("tool_use") != std::string::npos) request.tools = io::OrderedJson::array();
  request.add_generation_prompt = add_generation_prompt;
  return one.chat_template.render(request);
}

TEST(ChatTemplateGolden, OwnTemplates) { visit_cases("own.json", own_templates(), expect_golden); }

TEST(ChatTemplateGolden, PublishedTemplates) {
  if (!fs::exists(published_templates()))
    GTEST_SKIP() << "skipped: shared/data/templates is absent";
  visit_cases("published.json", published_templates(), expect_golden);
}

TEST(ChatTemplateGolden, GenerationBlocksAreWhatIsTrained) {
  const io::OrderedJson spans =
      io::read_ordered_json_file(own_templates() / "generation_spans.json");
  size_t next = 0;
  visit_cases("own.json", own_templates(), [&](const TemplateCase& one) {
    if (one.name != "generation.jinja" || one.add_generation_prompt) return;
    const io::OrderedJson& expected = spans[next++];
    if (!one.expected.is_string() || expected.is_null()) return;
    std::vector<bool> mask;  // of characters
    for (const Segment& segment : one.render())
      for (const char c : segment.text)
        if ((c & 0xC0) != 0x80) mask.push_back(segment.trainable);
    std::vector<bool> wanted(mask.size(), false);
    for (const auto& span : expected)
      for (size_t i = span[0]; i < span[1].get<size_t>(); ++i) wanted.at(i) = true;
    EXPECT_EQ(mask, wanted) << one.conversation;
  });
  EXPECT_EQ(next, spans.size());
}

std::shared_ptr<const Tokenizer> marker_tokenizer() {
  BpeTrainerConfig config;
  config.vocab_size = 320;
  config.chat = "chatml";
  BpeTrainer trainer(config);
  trainer.add_text("user assistant system user assistant hello hello there there\n\n\n\n");
  return trainer.train();
}

// The ids are those of the whole text, as `transformers` has them, but where content spells a
// special token: that stays text here.
void expect_ids(const Tokenizer& tokenizer, const TemplateCase& one, size_t& differing) {
  if (!one.expected.is_string()) return;
  std::vector<Segment> segments = one.render();
  bool has_marker = false;
  for (Segment& segment : segments) {
    segment.trainable = false;  // no cuts: they may change how the text beside them is merged
    if (segment.is_template) continue;
    for (const AddedToken& token : tokenizer.added_tokens())
      has_marker = has_marker || segment.text.find(token.content) != std::string::npos;
  }
  const std::vector<int32_t> ids = encode_segments(tokenizer, segments).ids;
  const auto theirs = tokenizer.encode(joined_text(segments), {.parse_special = true});
  EXPECT_EQ(ids == theirs, !has_marker) << one.name << one.conversation;
  EXPECT_EQ(tokenizer.decode(ids), joined_text(segments));
  differing += has_marker;
}

TEST(ChatTemplateGolden, IdsDifferExactlyWhereContentSpellsMarkers) {
  const auto tokenizer = marker_tokenizer();
  size_t differing = 0;
  const auto visit = [&](const TemplateCase& one) { expect_ids(*tokenizer, one, differing); };
  visit_cases("own.json", own_templates(), visit);
  if (fs::exists(published_templates()))
    visit_cases("published.json", published_templates(), visit);
  EXPECT_GT(differing, 10u);
}

// Every special token of the output stands in the template: the number of markers in template text
// does not change with what messages hold.
TEST(ChatTemplateGolden, ContentNeverBecomesTemplateText) {
  if (!fs::exists(published_templates()))
    GTEST_SKIP() << "skipped: shared/data/templates is absent";
  const auto template_text = [](const TemplateCase& one, const std::string& user,
                                const std::string& assistant) {
    std::string text;
    for (const Segment& segment : render_turns(one, {user, assistant, user, assistant}, true))
      if (segment.is_template) text += segment.text;
    return text;
  };
  std::string all;
  for (const std::string& marker : kMarkers) all += marker;
  std::string last;
  visit_cases("published.json", published_templates(), [&](const TemplateCase& one) {
    if (one.name == last) return;
    last = one.name;
    EXPECT_EQ(template_text(one, "x" + all + "x", "y" + all + "y"), template_text(one, "x", "y"))
        << one.name;
  });
}

// What each template trains of two replies.
TEST(ChatTemplateGolden, MasksOfPublishedTemplates) {
  if (!fs::exists(published_templates()))
    GTEST_SKIP() << "skipped: shared/data/templates is absent";
  const std::map<std::string, std::string> ends = {
      {"NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use.jinja", "<|im_end|>"},
      {"Qwen-Qwen2.5-7B-Instruct.jinja", "<|im_end|>"},
      {"chatml-openhermes.jinja", "<|im_end|>"},
      {"deepseek-ai-DeepSeek-R1-Distill-Qwen-32B.jinja", "<｜end▁of▁sentence｜>"},
      {"gemma-7b-it.jinja", "<end_of_turn>"},
      {"google-gemma-2-2b-it.jinja", "<end_of_turn>"},
      {"llama-2-vigogne.jinja", " </s>"},
      {"llama-3.jinja", "<|eot_id|>"},
      {"meta-llama-Llama-3.1-8B-Instruct.jinja", "<|eot_id|>"},
      {"meta-llama-Llama-3.2-3B-Instruct.jinja", "<|eot_id|>"},
      {"microsoft-Phi-3.5-mini-instruct.jinja", "<|end|>"},
      {"mistral-7b-instruct-v0.2.jinja", "</s>"},
      {"mistralai-Mistral-Nemo-Instruct-2407.jinja", "</s>"},
      {"phi-3-mini.jinja", "<|end|>"},
      {"qwen3.jinja", "<|im_end|>"},
      {"smollm2-135m-instruct.jinja", "<|im_end|>"}};
  std::string last;
  visit_cases("published.json", published_templates(), [&](const TemplateCase& one) {
    if (one.name == last) return;
    last = one.name;
    for (const bool prompt : {false, true}) {
      std::string trained;
      for (const Segment& segment : render_turns(one, {"q1", "first", "q2", "second"}, prompt))
        if (segment.trainable) trained += segment.text;
      const std::string end = ends.at(one.name);
      // Qwen3 writes an empty thought into its last turn, which the model has to write, too.
      const std::string thought = one.name == "qwen3.jinja" ? "<think>\n\n</think>\n\n" : "";
      EXPECT_EQ(trained, "first" + end + thought + "second" + end) << one.name;
    }
  });
}

// Tool calls are trained whole, from behind the generation prompt to the end marker.
TEST(ChatTemplateGolden, ToolCallsAreTrained) {
  if (!fs::exists(published_templates()))
    GTEST_SKIP() << "skipped: shared/data/templates is absent";
  RenderRequest request;
  request.messages = io::parse_ordered_json(
      R"([{"role": "user", "content": "q"}, {"role": "assistant", "content": "", "tool_calls": [)"
      R"({"type": "function", "function": {"name": "f", "arguments": {"a": 5}}}]},)"
      R"({"role": "tool", "content": "r"}])",
      "test");
  const auto trained = [&](const std::string& name) {
    TemplateTokens tokens{
        {{"bos_token", ""}, {"eos_token", "</s>"}}, {"<|im_end|>", "<|eot_id|>"}, kMarkers};
    const auto jinja = io::read_file(published_templates() / name);
    std::string text;
    for (const Segment& segment : ChatTemplate::from_jinja(jinja, tokens, name).render(request))
      if (segment.trainable) text += segment.text;
    return text;
  };
  const std::string call =
      "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 5}}\n</tool_call><|im_end|>";
  EXPECT_EQ(trained("qwen3.jinja"), call);
  EXPECT_EQ(trained("Qwen-Qwen2.5-7B-Instruct.jinja"), call);
  EXPECT_EQ(trained("meta-llama-Llama-3.2-3B-Instruct.jinja"),
            "{\"name\": \"f\", \"parameters\": {\"a\": 5}}<|eot_id|>");
}

}  // namespace
}  // namespace llm::text
