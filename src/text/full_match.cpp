#define PCRE2_CODE_UNIT_WIDTH 8
#include "llm/text/full_match.h"

#include <fmt/format.h>
#include <pcre2.h>

#include "llm/core/error.h"

namespace llm::text {
namespace {

constexpr uint32_t kMatchLimit = 1'000'000;  // steps of the search: milliseconds

std::string pcre2_message(int code) {
  PCRE2_UCHAR buffer[256];
  pcre2_get_error_message(code, buffer, sizeof buffer);
  return reinterpret_cast<const char*>(buffer);
}

}  // namespace

void FullMatch::Free::operator()(pcre2_real_code_8* code) const { pcre2_code_free(code); }

FullMatch::FullMatch(const std::string& pattern, const std::string& where)
    : pattern_(pattern), where_(where) {
  int error = 0;
  PCRE2_SIZE offset = 0;
  code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                            PCRE2_UTF | PCRE2_UCP | PCRE2_ANCHORED | PCRE2_ENDANCHORED, &error,
                            &offset, nullptr));
  if (code_) return;
  throw core::FormatError(
      {.where = where,
       .expected = "a regular expression",
       .got = fmt::format("'{}' ({} at {})", pattern, pcre2_message(error), offset),
       .hint = ""});
}

bool FullMatch::operator()(std::string_view name) const {
  const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> data(
      pcre2_match_data_create(1, nullptr), &pcre2_match_data_free);
  const std::unique_ptr<pcre2_match_context, decltype(&pcre2_match_context_free)> context(
      pcre2_match_context_create(nullptr), &pcre2_match_context_free);
  pcre2_set_match_limit(context.get(), kMatchLimit);
  const int rc = pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(name.data()), name.size(), 0,
                             PCRE2_NO_UTF_CHECK, data.get(), context.get());
  if (rc == PCRE2_ERROR_NOMATCH) return false;
  if (rc >= 0) return true;
  throw core::FormatError({.where = where_,
                           .expected = "a pattern that a name is soon matched with",
                           .got = fmt::format("'{}' on {} ({})", pattern_, name, pcre2_message(rc)),
                           .hint = "Write it without repetitions inside repetitions."});
}

}  // namespace llm::text
