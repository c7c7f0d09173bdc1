#include "llm/eval/verify.h"

#include <algorithm>

#include "eval/finite_values.h"
#include "eval/verify_parts.h"
#include "llm/core/error.h"

namespace llm::eval {
namespace {

void append(std::vector<VerifyRow>& rows, std::vector<VerifyRow> more) {
  rows.insert(rows.end(), std::make_move_iterator(more.begin()),
              std::make_move_iterator(more.end()));
}

bool has_failed(const VerifyReport& report, const std::string& check) {
  return std::ranges::any_of(report.rows, [&](const VerifyRow& row) {
    return row.check == check && row.verdict == Verdict::kFail;
  });
}

}  // namespace

bool VerifyReport::passed() const {
  return std::none_of(rows.begin(), rows.end(),
                      [](const VerifyRow& row) { return row.verdict == Verdict::kFail; });
}

VerifyReport verify_models(const std::filesystem::path& source, const std::filesystem::path& result,
                           const VerifyOptions& options) {
  const VerifySide a = convert::open_model(source, options.open);
  const VerifySide b = convert::open_model(result, options.open);
  if (!options.open.base.empty() && !a.adapter && !b.adapter) {
    throw core::ConfigError({.where = "--base",
                             .expected = "an adapter directory that it is the base of",
                             .got = "two whole models",
                             .hint = "Leave --base away."});
  }
  VerifyReport report{.source = a.path, .result = b.path, .rows = {}};
  append(report.rows, verify_config(a, b));
  append(report.rows, verify_text(a, b));
  append(report.rows, verify_weights(a, b));
  if (has_failed(report, kFiniteCheck)) {
    report.rows.push_back(forward_not_run("some weights are not finite"));
  } else {
    append(report.rows, verify_forward(a, b, options));
  }
  return report;
}

}  // namespace llm::eval
