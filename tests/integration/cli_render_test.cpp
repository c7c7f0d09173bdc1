// Oracle: `transformers`' text for the template, and the ids and exit codes that docs/design.md
// section 8 promises.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "support/shell.h"
#include "support/temp_directory.h"

namespace llm {
namespace {

using testing::HasSubstr;

class CliRender : public testing::Test {
 protected:
  void SetUp() override {
    dir_.file("text.txt", "hello there user assistant system\n");
    dir_.file(
        "talk.json",
        R"([{"role": "user", "content": "a<|im_end|>"}, {"role": "assistant", "content": "b"}])");
    dir_.file("own.jinja",
              "{% for m in messages %}{{ m.role }}={{ m.content }};{% endfor %}\n"
              "{% if mood == 1 %}{{ raise_exception('bad mood') }}{% endif %}{{ mood }}{{ "
              "tools|length }}");
    const test::Outcome trained =
        run("llmtok train --input text.txt --vocab-size 290 --chat chatml --out tok --quiet");
    ASSERT_EQ(trained.exit_code, 0) << trained.err;
  }

  test::Outcome run(const std::string& line) const { return test::run_shell(dir_.path(), line); }
  test::Outcome render(const std::string& rest) const {
    return run("llmtok render --tokenizer tok --messages " + rest);
  }

  test::TempDirectory dir_;
};

TEST_F(CliRender, WritesExactlyTheText) {
  const test::Outcome text = render("talk.json --template chatml --add-generation-prompt");
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_EQ(text.out,
            "<|im_start|>user\na<|im_end|><|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n"
            "<|im_start|>assistant\n");
  EXPECT_EQ(run("cat talk.json | llmtok render --tokenizer tok --messages - --template chatml").out,
            text.out.substr(0, text.out.rfind("<|im_start|>")));
}

TEST_F(CliRender, ShowsIdsMaskAndSegments) {
  const test::Outcome outcome = render("talk.json --template chatml --json");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const io::Json json = outcome.json();
  ASSERT_EQ(json["ids"].size(), json["loss_mask"].size());
  std::string trained;
  for (const io::Json& segment : json["segments"])
    if (segment["trainable"]) trained += segment["text"];
  EXPECT_EQ(trained, "b<|im_end|>");
  EXPECT_EQ(json["segments"][1]["field"], "content");
  dir_.file("ids.txt", json["ids"].dump());
  EXPECT_EQ(run("llmtok decode --tokenizer tok --input ids.txt --whole").out, json["text"]);
  // The content's marker is text: only the template's two stand for themselves.
  const io::Json end = run("printf '<|im_end|>' | llmtok encode --tokenizer tok --input - "
                           "--parse-special --json")
                           .json()["ids"][0];
  EXPECT_EQ(std::count(json["ids"].begin(), json["ids"].end(), end), 2);
}

TEST_F(CliRender, RunsJinjaFilesWithVariables) {
  dir_.file("request.json",
            R"({"messages": [{"role": "user", "content": "x"}], "tools": [{}, {}]})");
  EXPECT_EQ(render("request.json --template own.jinja --kwarg mood=fine").out, "user=x;fine2");
  const test::Outcome raised = render("request.json --template own.jinja --kwarg mood=1");
  EXPECT_EQ(raised.exit_code, 3);
  EXPECT_EQ(raised.out, "");
  EXPECT_THAT(raised.err, HasSubstr("own.jinja:2: bad mood"));
}

TEST_F(CliRender, RefusesJsonNestedTooDeep) {
  dir_.file("deep.json", std::string(100000, '[') + std::string(100000, ']'));
  const test::Outcome messages = render("deep.json --template chatml");
  EXPECT_EQ(messages.exit_code, 3);
  EXPECT_THAT(messages.err, HasSubstr("deep.json:1:513: expected at most 512 levels of JSON"));
  const std::string value = std::string(30000, '[') + std::string(30000, ']');
  const test::Outcome variable = render("talk.json --template chatml --kwarg 'a=" + value + "'");
  EXPECT_EQ(variable.exit_code, 2);
  EXPECT_THAT(variable.err, HasSubstr("--kwarg a:1:513: expected at most 512 levels of JSON"));
}

TEST_F(CliRender, RefusesVariablesThatAreNoUtf8) {
  const test::Outcome outcome =
      render("talk.json --template chatml --kwarg \"$(printf 'a=\\377')\"");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("--kwarg: expected valid UTF-8, got byte 0xFF at byte 3"));
}

TEST_F(CliRender, WarnsOfWhatTheTemplateLeavesOut) {
  dir_.file("request.json", R"({"toolz": 3, "tools": [{"a": 1}], "messages": [
      {"role": "assistant", "content": "x", "tool_calls": [{"id": 1}], "thinking": "hm"}]})");
  const test::Outcome named = render("request.json --template chatml --kwarg enable_thinking=true");
  EXPECT_EQ(named.exit_code, 0) << named.err;
  EXPECT_THAT(named.err,
              HasSubstr("chatml) does not show the variable toolz; did you mean tools?"));
  for (const char* what :
       {"the tools\n", "the tool_calls", "the thinking", "the variable enable_thinking"})
    EXPECT_THAT(named.err, HasSubstr(std::string("does not show ") + what));
  dir_.file("all.jinja", "{{ toolz }}{{ tools | tojson }}{{ messages | tojson }}");
  EXPECT_EQ(render("request.json --template all.jinja").err, "");
  EXPECT_EQ(render("talk.json --template chatml").err, "");
}

TEST_F(CliRender, NamesWhereATemplateStands) {
  dir_.file("tok/chat_template.jinja", "x\n{{ raise_exception('no') }}");
  EXPECT_THAT(render("talk.json").err, HasSubstr("tok/chat_template.jinja:2: no"));
  const test::Outcome absent = render("talk.json --template ./nope.jinja");
  EXPECT_EQ(absent.exit_code, 2);
  EXPECT_THAT(absent.err, HasSubstr("a Jinja file, or one of chatml"));
  EXPECT_THAT(absent.err, HasSubstr("got './nope.jinja', which is no file"));
  EXPECT_THAT(render("talk.json --template tok").err, HasSubstr("got 'tok', which is a folder"));
}

TEST_F(CliRender, RefusesWhatIsNoConversation) {
  dir_.file("nothing.json", "{}");
  const test::Outcome nothing = render("nothing.json --template chatml");
  EXPECT_EQ(nothing.exit_code, 3);
  EXPECT_THAT(nothing.err, HasSubstr("nothing.json: expected a list of messages, or an object "
                                     "with \"messages\", got an object without them"));
  EXPECT_EQ(render("talk.json").exit_code, 2);  // a tokenizer without a template
  EXPECT_EQ(render("talk.json --template nope").exit_code, 2);
  EXPECT_EQ(render("talk.json --template chatml --kwarg x").exit_code, 2);
  EXPECT_EQ(render("absent.json --template chatml").exit_code, 2);
  dir_.file("bad.json", "[{\"role\": ");
  EXPECT_EQ(render("bad.json --template chatml").exit_code, 3);
  dir_.file("empty.json", "[]");
  EXPECT_EQ(render("empty.json --template chatml").exit_code, 3);
  dir_.file("open.jinja", "x\n{% if y %}");
  const test::Outcome open = render("talk.json --template open.jinja");
  EXPECT_EQ(open.exit_code, 3);
  EXPECT_THAT(open.err, HasSubstr("open.jinja:2"));
}

}  // namespace
}  // namespace llm
