#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/regex.h"

#include <fmt/format.h>
#include <pcre2.h>

#include "llm/core/check.h"
#include "llm/core/error.h"
#include "llm/text/utf8.h"

namespace llm::text {
namespace {

// One per thread serves every pattern: only the whole match is read, never a group.
struct MatchState {
  pcre2_match_data* data = pcre2_match_data_create(1, nullptr);
  pcre2_match_context* context = pcre2_match_context_create(nullptr);
  pcre2_jit_stack* stack = pcre2_jit_stack_create(32 << 10, 16 << 20, nullptr);
  MatchState() { pcre2_jit_stack_assign(context, nullptr, stack); }
  ~MatchState() {
    pcre2_jit_stack_free(stack);
    pcre2_match_context_free(context);
    pcre2_match_data_free(data);
  }
  MatchState(const MatchState&) = delete;
  MatchState& operator=(const MatchState&) = delete;
};

MatchState& match_state() {
  static thread_local MatchState state;
  return state;
}

std::string error_text(int code) {
  PCRE2_UCHAR buffer[256];
  pcre2_get_error_message(code, buffer, sizeof buffer);
  return reinterpret_cast<const char*>(buffer);
}

}  // namespace

void Regex::Free::operator()(pcre2_real_code_8* code) const { pcre2_code_free(code); }

Regex::Regex(const std::string& pattern, const std::string& where) : pattern_(pattern) {
  const std::string translated = translate_pattern(pattern, where);
  int error = 0;
  PCRE2_SIZE offset = 0;
  code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                            PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE, &error, &offset, nullptr));
  if (!code_)
    throw core::FormatError({where, "a regular expression",
                             fmt::format("'{}' ({} at {})", pattern, error_text(error), offset),
                             ""});
  pcre2_jit_compile(code_.get(), PCRE2_JIT_COMPLETE);  // without JIT the interpreter runs
}

std::optional<Match> Regex::find(std::string_view subject, size_t start) const {
  MatchState& state = match_state();
  const int rc = pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(subject.data()),
                             subject.size(), start, PCRE2_NO_UTF_CHECK, state.data, state.context);
  if (rc == PCRE2_ERROR_NOMATCH) return std::nullopt;
  if (rc < 0)
    throw core::DataError(
        {"pre-tokenizer", "text that the pattern can split",
         fmt::format("'{}' gave up at byte {} ({})", pattern_, start, error_text(rc)),
         "Cut very long texts into documents"});
  const PCRE2_SIZE* range = pcre2_get_ovector_pointer(state.data);
  return Match{range[0], range[1]};
}

bool replace_matches(const Regex& regex, std::string_view text, std::string_view content,
                     std::string& out) {
  size_t done = 0, from = 0;
  bool any = false;
  while (from <= text.size()) {
    const std::optional<Match> match = regex.find(text, from);
    if (!match) break;
    any = true;
    out.append(text.substr(done, match->begin - done)).append(content);
    done = from = match->end;
    if (match->end > match->begin) continue;
    from += from < text.size() ? utf8_length(text[from]) : 1;  // an empty match
  }
  if (any) out.append(text.substr(done));
  return any;
}

}  // namespace llm::text
