// Tokenizer, special ids, chat template and sampling hints.
#include <fmt/format.h>

#include <algorithm>

#include "eval/verify_parts.h"
#include "llm/io/hash.h"

namespace llm::eval {
namespace {

std::string id_text(const std::optional<int32_t>& id) {
  return id ? fmt::format("{}", *id) : "none";
}

std::string special_ids(const text::Tokenizer& tokenizer) {
  return fmt::format("bos {} eos {} pad {} unk {}", id_text(tokenizer.bos_id()),
                     id_text(tokenizer.eos_id()), id_text(tokenizer.pad_id()),
                     id_text(tokenizer.unk_id()));
}

VerifyRow compare_encodings(const text::Tokenizer& source, const text::Tokenizer& result) {
  VerifyRow row{.check = "tokenizer ids on fixed texts", .verdict = Verdict::kPass};
  size_t num_ids = 0;
  size_t num_result_ids = 0;
  for (const std::string& text : fixed_texts()) {
    const text::EncodeOptions options{.parse_special = true, .add_special = true};
    const std::vector<int32_t> a = source.encode(text, options);
    const std::vector<int32_t> b = result.encode(text, options);
    num_ids += a.size();
    num_result_ids += b.size();
    if (a == b || row.verdict == Verdict::kFail) continue;
    row.verdict = Verdict::kFail;
    row.note = "first difference in: " + text;
  }
  row.source = fmt::format("{} ids", num_ids);
  row.result = fmt::format("{} ids", num_result_ids);
  return row;
}

std::string template_text(const std::string& chat_template) {
  if (chat_template.empty()) return "none";
  return fmt::format("{} bytes, hash {}", chat_template.size(),
                     io::hex64(io::xxh3(std::string_view(chat_template))));
}

// Every token's text, and whether it is special.
VerifyRow compare_pieces(const text::Tokenizer& source, const text::Tokenizer& result) {
  VerifyRow row{.check = "tokenizer pieces", .verdict = Verdict::kPass};
  const int32_t count = std::min(source.vocab_size(), result.vocab_size());
  int32_t equal = 0;
  for (int32_t id = 0; id < count; ++id) {
    if (source.piece(id) == result.piece(id) && source.is_special(id) == result.is_special(id)) {
      ++equal;
    } else if (row.note.empty()) {
      row.note = fmt::format("first difference: id {}, \"{}\" and \"{}\"", id, source.piece(id),
                             result.piece(id));
    }
  }
  if (equal < std::max(source.vocab_size(), result.vocab_size())) row.verdict = Verdict::kFail;
  row.source = fmt::format("{} pieces", source.vocab_size());
  row.result = fmt::format("{} equal", equal);
  return row;
}

// The fingerprint also covers how the parts are spelled, which formats do differently.
VerifyRow compare_fingerprints(const VerifySide& source, const VerifySide& result) {
  VerifyRow row = compare_text("tokenizer fingerprint", io::hex64(source.tokenizer->fingerprint()),
                               io::hex64(result.tokenizer->fingerprint()));
  if (row.verdict == Verdict::kFail && source.format != result.format) {
    row.verdict = Verdict::kNote;
    row.note = "another format spells the tokenizer's parts in another way";
  }
  return row;
}

void add_tokenizers(const VerifySide& source, const VerifySide& result,
                    std::vector<VerifyRow>& rows) {
  const text::Tokenizer* a = source.tokenizer.get();
  const text::Tokenizer* b = result.tokenizer.get();
  if (!a || !b) {
    rows.push_back(compare_text("tokenizer", a ? "present" : "none", b ? "present" : "none"));
    return;
  }
  rows.push_back(compare_text("tokenizer vocabulary", fmt::format("{}", a->vocab_size()),
                              fmt::format("{}", b->vocab_size())));
  rows.push_back(compare_pieces(*a, *b));
  rows.push_back(compare_fingerprints(source, result));
  rows.push_back(compare_text("tokenizer special ids", special_ids(*a), special_ids(*b)));
  rows.push_back(compare_encodings(*a, *b));
}

}  // namespace

const std::vector<std::string>& fixed_texts() {
  static const std::vector<std::string> texts = {
      "The quick brown fox jumps over the lazy dog, and the dog does not mind at all. It's 12:30.",
      "옛날 옛적에 호랑이가 담배 피우던 시절, 깊은 산속에 나무꾼이 살았습니다. 값은 3,500원이었다.",
      "def f(x):\n\tif x <= 0:\n        return 1\n    return x * f(x - 1)  # 1234567890\r\n",
      "  Two  spaces   three\n\n\nlines, caf\u00e9 and cafe\u0301, "
      "\u1112\u1161\u11ab\u1100\u1173\u11af, "
      "\U0001F468\u200D\U0001F469\u200D\U0001F467 <|im_start|>user</s>"};
  return texts;
}

std::vector<VerifyRow> verify_text(const VerifySide& source, const VerifySide& result) {
  std::vector<VerifyRow> rows;
  add_tokenizers(source, result, rows);
  rows.push_back(compare_text("chat template", template_text(source.chat_template),
                              template_text(result.chat_template)));
  rows.push_back(compare_text("generation config", to_json(source.generation).dump(),
                              to_json(result.generation).dump()));
  return rows;
}

}  // namespace llm::eval
