#include "llm/eval/verify.h"

#include <algorithm>

#include "eval/verify_parts.h"
#include "llm/convert/model_directory.h"

namespace llm::eval {
namespace {

VerifySide open_side(const std::filesystem::path& path) {
  VerifySide side;
  side.directory = convert::resolve_model_directory(path);
  side.config = arch::read_model_config(side.directory / "config.json");
  side.weights = std::make_unique<convert::WeightFiles>(side.directory);
  if (convert::has_tokenizer(side.directory)) {
    side.tokenizer = text::load_tokenizer(side.directory);
  }
  side.generation = convert::read_generation_config(side.directory);
  side.chat_template = convert::read_chat_template(side.directory);
  return side;
}

void append(std::vector<VerifyRow>& rows, std::vector<VerifyRow> more) {
  rows.insert(rows.end(), std::make_move_iterator(more.begin()),
              std::make_move_iterator(more.end()));
}

}  // namespace

bool VerifyReport::passed() const {
  return std::none_of(rows.begin(), rows.end(),
                      [](const VerifyRow& row) { return row.verdict == Verdict::kFail; });
}

VerifyReport verify_models(const std::filesystem::path& source, const std::filesystem::path& result,
                           const VerifyOptions& options) {
  const VerifySide a = open_side(source);
  const VerifySide b = open_side(result);
  VerifyReport report{.source = a.directory, .result = b.directory, .rows = {}};
  append(report.rows, verify_config(a, b));
  append(report.rows, verify_text(a, b));
  append(report.rows, verify_weights(a, b));
  append(report.rows, verify_forward(a, b, options));
  return report;
}

}  // namespace llm::eval
