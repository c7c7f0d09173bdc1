// Oracle: scripted models whose reply is known, and a model whose logits are a hash of the whole
// sequence: generation must equal a loop that shows it everything at once for every token.
#include "llm/generate/generator.h"

#include <gtest/gtest.h>

#include "llm/core/error.h"
#include "llm/generate/sampler.h"
#include "unit/generate/fakes.h"

namespace llm::generate {
namespace {

using testing::ByteTokenizer;
using testing::HashModel;
using testing::ScriptedModel;

constexpr int32_t kEos = 256;

GenerationRequest request_for(std::vector<int32_t> prompt) {
  GenerationRequest request;
  request.prompt = std::move(prompt);
  request.sampling.seed = 1;
  request.stop.ids = {kEos};
  request.stop.max_tokens = 20;
  return request;
}

std::vector<int32_t> bytes(const std::string& text) { return ByteTokenizer().encode(text, {}); }

// A loop without cache, chunks or streaming.
std::vector<int32_t> naive_generate(HashModel& model, const GenerationRequest& request) {
  Sampler sampler(request.sampling, resolve_seed(request.sampling));
  std::vector<int32_t> sequence = request.prompt, drawn;
  while (std::ssize(drawn) < *request.stop.max_tokens) {
    model.truncate(0);
    const at::Tensor logits = model.next_logits(sequence);
    const int32_t id = sampler.sample(
        {logits.const_data_ptr<float>(), static_cast<size_t>(logits.numel())}, sequence);
    sequence.push_back(id);
    drawn.push_back(id);
    if (id == kEos) break;
  }
  return drawn;
}

TEST(Generator, EqualsALoopWithoutCacheForEveryChunkSize) {
  const auto tokenizer = std::make_shared<ByteTokenizer>();
  GenerationRequest request = request_for(bytes("a prompt of some length"));
  request.sampling.repeat_penalty = 1.2;
  HashModel reference(tokenizer->vocab_size());
  const auto expected = naive_generate(reference, request);
  for (int64_t chunk : {1, 2, 7, 22, 23, 24, 512}) {
    HashModel model(tokenizer->vocab_size());
    request.prefill_chunk = chunk;
    const Generation got = Generator(model, tokenizer).generate(request);
    EXPECT_EQ(got.ids, expected) << chunk;
    for (size_t pass : model.passes) EXPECT_LE(static_cast<int64_t>(pass), chunk);
  }
}

TEST(Generator, AKnownPrefixIsNotComputedAgain) {
  const auto tokenizer = std::make_shared<ByteTokenizer>();
  HashModel model(tokenizer->vocab_size());
  Generator generator(model, tokenizer);
  const auto first = generator.generate(request_for(bytes("once upon")));
  EXPECT_EQ(first.stats.cached_tokens, 0);

  auto prompt = bytes("once upon");
  prompt.insert(prompt.end(), first.ids.begin(), first.ids.end());
  prompt.push_back('!');
  const size_t seen = prompt.size() - 2;  // the last drawn token was not shown, '!' is new
  const auto second = generator.generate(request_for(prompt));
  EXPECT_EQ(second.stats.cached_tokens, static_cast<int64_t>(seen));
  HashModel fresh(tokenizer->vocab_size());
  EXPECT_EQ(second.ids, Generator(fresh, tokenizer).generate(request_for(prompt)).ids);

  // A different text keeps the common start; the same text needs its last token again.
  EXPECT_EQ(generator.generate(request_for(bytes("once again"))).stats.cached_tokens, 5);
  EXPECT_EQ(generator.generate(request_for(bytes("once again"))).stats.cached_tokens, 9);
}

TEST(Generator, StopTokenEndsTheReplyAndIsNotText) {
  const auto tokenizer = std::make_shared<ByteTokenizer>();
  ScriptedModel model(tokenizer->vocab_size(), {'h', 'i', kEos});
  const auto got = Generator(model, tokenizer).generate(request_for(bytes("?")));
  EXPECT_EQ(got.text, "hi");
  EXPECT_EQ(got.ids, (std::vector<int32_t>{'h', 'i', kEos}));
  EXPECT_EQ(got.stop_reason, StopReason::kStopToken);
  EXPECT_EQ(got.stats.generated_tokens, 3);
}

TEST(Generator, MaxTokensAndContextEndTheReply) {
  const auto tokenizer = std::make_shared<ByteTokenizer>();
  ScriptedModel model(tokenizer->vocab_size(), {'x'}, 8);
  GenerationRequest request = request_for(bytes("abc"));
  request.stop.max_tokens = 4;
  auto got = Generator(model, tokenizer).generate(request);
  EXPECT_EQ(got.stop_reason, StopReason::kMaxTokens);
  EXPECT_EQ(got.text, "xxxx");

  request.stop.max_tokens.reset();
  got = Generator(model, tokenizer).generate(request);
  EXPECT_EQ(got.stop_reason, StopReason::kContextFull);
  EXPECT_EQ(got.text, "xxxxxx");  // five fit, and one more is drawn

  request.stop.max_tokens = 0;
  got = Generator(model, tokenizer).generate(request);
  EXPECT_EQ(got.text, "");
  EXPECT_EQ(got.stop_reason, StopReason::kMaxTokens);
}

TEST(Generator, AStopStringIsFoundHoweverTokensCutIt) {
  const std::string reply = "fine.\nUser: next";
  const std::string stop = "\nUser:";
  for (size_t first = 1; first < reply.size(); ++first) {
    for (size_t second = first; second < reply.size(); ++second) {
      const auto tokenizer = std::make_shared<ByteTokenizer>(
          std::vector<std::string>{"<eos>"},
          std::vector<std::string>{reply.substr(0, first), reply.substr(first, second - first),
                                   reply.substr(second)});
      ScriptedModel model(tokenizer->vocab_size(), {257, 258, 259, kEos});
      GenerationRequest request = request_for(bytes("?"));
      request.stop.strings = {stop};
      std::string streamed;
      const auto got = Generator(model, tokenizer).generate(request, [&](std::string_view text) {
        streamed += text;
        return true;
      });
      EXPECT_EQ(got.text, "fine.");
      EXPECT_EQ(streamed, "fine.");
      EXPECT_EQ(got.stop_reason, StopReason::kStopString);
    }
  }
}

TEST(Generator, StreamsWholeCharacters) {
  const auto tokenizer = std::make_shared<ByteTokenizer>();
  auto script = bytes("한글 🙂");
  script.push_back(kEos);
  ScriptedModel model(tokenizer->vocab_size(), script);
  std::vector<std::string> parts;
  const auto got =
      Generator(model, tokenizer).generate(request_for(bytes("?")), [&](std::string_view text) {
        if (!text.empty()) parts.emplace_back(text);
        return true;
      });
  EXPECT_EQ(parts, (std::vector<std::string>{"한", "글", " ", "🙂"}));
  EXPECT_EQ(got.text, "한글 🙂");
}

TEST(Generator, TextHeldBackIsDeliveredAtTheEnd) {
  const auto tokenizer = std::make_shared<ByteTokenizer>();
  ScriptedModel model(tokenizer->vocab_size(), {'a', '<', kEos});
  GenerationRequest request = request_for(bytes("?"));
  request.stop.strings = {"<end>"};
  EXPECT_EQ(Generator(model, tokenizer).generate(request).text, "a<");
}

TEST(Generator, TheCallbackStopsPromptAndReply) {
  const auto tokenizer = std::make_shared<ByteTokenizer>();
  HashModel model(tokenizer->vocab_size());
  GenerationRequest request = request_for(bytes("a long prompt"));
  request.prefill_chunk = 4;
  const auto got = Generator(model, tokenizer).generate(request, [](auto) { return false; });
  EXPECT_EQ(got.stop_reason, StopReason::kInterrupted);
  EXPECT_TRUE(got.ids.empty());
  EXPECT_EQ(model.ids().size(), 4U);

  ScriptedModel endless(tokenizer->vocab_size(), {'x'});
  std::string streamed;
  const auto cut =
      Generator(endless, tokenizer).generate(request_for(bytes("?")), [&](std::string_view text) {
        streamed += text;
        return streamed.size() < 3;
      });
  EXPECT_EQ(cut.text, "xxx");
  EXPECT_EQ(cut.stop_reason, StopReason::kInterrupted);
}

TEST(Generator, RefusesAPromptLongerThanTheContext) {
  const auto tokenizer = std::make_shared<ByteTokenizer>();
  ScriptedModel model(tokenizer->vocab_size(), {'x'}, 4);
  EXPECT_THROW(Generator(model, tokenizer).generate(request_for(bytes("12345"))), core::DataError);
  EXPECT_NO_THROW(Generator(model, tokenizer).generate(request_for(bytes("1234"))));
}

TEST(Generator, NeverDrawsAnIdWithoutAPiece) {
  const auto tokenizer = std::make_shared<ByteTokenizer>();
  HashModel model(4 * tokenizer->vocab_size());
  GenerationRequest request = request_for(bytes("a"));
  request.stop.ids = {};
  request.stop.max_tokens = 100;
  for (int32_t id : Generator(model, tokenizer).generate(request).ids) {
    EXPECT_LT(id, tokenizer->vocab_size());
  }
}

TEST(Generator, RefusesNegativeMaxTokens) {
  const auto tokenizer = std::make_shared<ByteTokenizer>();
  ScriptedModel model(tokenizer->vocab_size(), {'x'});
  GenerationRequest request = request_for(bytes("a"));
  request.stop.max_tokens = -1;
  EXPECT_THROW(Generator(model, tokenizer).generate(request), core::ConfigError);
}

}  // namespace
}  // namespace llm::generate
