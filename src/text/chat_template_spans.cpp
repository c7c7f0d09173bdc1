#include "text/chat_template_spans.h"

#include <algorithm>
#include <string_view>

namespace llm::text {
namespace {

constexpr const char* kAssistant = "assistant";
constexpr const char* kSpace = " \t\r\n";

// Text of one origin, written in one message's turn.
struct Run {
  size_t begin = 0;
  size_t end = 0;
  const Origin* origin = nullptr;
  bool generated = false;
  int region = -1;
};

struct Span {
  size_t begin = 0;
  size_t end = 0;
  int message = -1;
};

std::vector<Run> runs_of(const RenderedChat& chat) {
  std::vector<Run> runs;
  size_t begin = 0;
  size_t region = 0;
  const auto& regions = chat.rendering.regions;
  const auto region_at = [&](size_t byte) {
    while (region + 1 < regions.size() && regions[region].end <= byte) ++region;
    return region < regions.size() ? regions[region] : jinja::Region{SIZE_MAX, -1};
  };
  for (const jinja::Piece& piece : chat.rendering.text.pieces()) {
    const Origin* origin = &chat.origins[static_cast<size_t>(piece.origin)];
    do {
      const jinja::Region here = region_at(begin);
      const size_t end = std::min(piece.end, std::max(here.end, begin + (piece.end > begin)));
      runs.push_back({begin, end, origin, piece.generated, here.message});
      begin = end;
    } while (begin < piece.end);
  }
  return runs;
}

bool is_assistant(const RenderedChat& chat, int message) {
  return message >= 0 && chat.roles[static_cast<size_t>(message)] == kAssistant;
}

// What assistants wrote: from a message's first text to its last, unless others' text or turns lie
// between.
std::vector<Span> written_spans(const RenderedChat& chat, const std::vector<Run>& runs) {
  std::vector<Span> spans;
  bool is_open = false;
  for (const Run& run : runs) {
    const bool is_data = !run.origin->is_template && run.origin->field != "role";
    const int message = is_data ? run.origin->message : -1;
    if (message < 0) {
      is_open = is_open && (run.region < 0 || run.region == spans.back().message);
    } else if (!is_assistant(chat, message)) {
      is_open = false;
    } else if (is_open && spans.back().message == message) {
      spans.back().end = run.end;
    } else {
      spans.push_back({run.begin, run.end, message});
      is_open = true;
    }
  }
  return spans;
}

// Template text around a span that belongs to its turn.
class Surroundings {
 public:
  Surroundings(const std::vector<Run>& runs, int message) : runs_(runs), message_(message) {
    is_tracked_ = std::ranges::any_of(
        runs, [&](const Run& run) { return run.region == message && run.end > run.begin; });
  }

  bool is_tracked() const { return is_tracked_; }

  size_t end_of_text_after(size_t byte) const {
    for (const Run& run : runs_) {
      if (run.end <= byte) continue;
      if (!belongs(run)) break;
      byte = run.end;
    }
    return byte;
  }

  size_t begin_of_text_before(size_t byte, size_t floor) const {
    for (auto run = runs_.rbegin(); run != runs_.rend() && byte > floor; ++run) {
      if (run->begin >= byte) continue;
      if (!belongs(*run)) break;
      byte = std::max(run->begin, floor);
    }
    return byte;
  }

 private:
  bool belongs(const Run& run) const {
    return run.origin->is_template && run.region == (is_tracked_ ? message_ : -1);
  }

  const std::vector<Run>& runs_;
  int message_;
  bool is_tracked_ = false;
};

// End of the first of `markers` in `text`; 0 when there is none. `begin`: where it begins.
size_t first_marker(std::string_view text, const std::vector<std::string>& markers, size_t& begin) {
  size_t end = 0;
  begin = text.npos;
  for (const std::string& marker : markers) {
    const size_t at = marker.empty() ? text.npos : text.find(marker);
    if (at == text.npos || at > begin || (at == begin && at + marker.size() <= end)) continue;
    begin = at;
    end = at + marker.size();
  }
  return end;
}

size_t end_with_marker(std::string_view after, const TemplateTokens& tokens, bool is_tracked) {
  size_t begin = 0;
  size_t end = first_marker(after, tokens.stop, begin);
  if (end == 0) end = first_marker(after, tokens.special, begin);
  // Where turns cannot be told apart, a marker further on may be the next turn's.
  const bool is_next = after.substr(0, begin).find_first_not_of(kSpace) == after.npos;
  return end > 0 && (is_tracked || is_next) ? end : 0;
}

std::vector<Span> trained_spans(const RenderedChat& chat, const std::vector<Run>& runs,
                                const TemplateTokens& tokens, const std::string& prompt) {
  std::vector<Span> spans;
  if (chat.has_generation) {
    for (const Run& run : runs)
      if (run.generated) spans.push_back({run.begin, run.end, -1});
    return spans;
  }
  spans = written_spans(chat, runs);
  const std::string_view text = chat.rendering.text.bytes();
  size_t floor = 0;
  for (Span& span : spans) {
    const Surroundings around(runs, span.message);
    const size_t end = around.end_of_text_after(span.end);
    span.end += end_with_marker(text.substr(span.end, end - span.end), tokens, around.is_tracked());
    const size_t begin = around.begin_of_text_before(span.begin, floor);
    const std::string_view before = text.substr(begin, span.begin - begin);
    const size_t at = prompt.empty() ? before.npos : before.rfind(prompt);
    if (at != before.npos) span.begin = begin + at + prompt.size();
    floor = span.end;
  }
  return spans;
}

}  // namespace

void add_segment(std::vector<Segment>& segments, Segment segment) {
  if (segment.text.empty()) return;
  if (!segments.empty()) {
    Segment& last = segments.back();
    const bool is_same = last.is_template == segment.is_template && last.role == segment.role &&
                         last.trainable == segment.trainable && last.message == segment.message &&
                         last.field == segment.field;
    if (is_same) {
      last.text += segment.text;
      return;
    }
  }
  segments.push_back(std::move(segment));
}

std::vector<Segment> segments_of(const RenderedChat& chat, const TemplateTokens& tokens,
                                 const std::string& generation_prompt) {
  const std::vector<Run> runs = runs_of(chat);
  const std::vector<Span> spans = trained_spans(chat, runs, tokens, generation_prompt);
  const std::string& text = chat.rendering.text.bytes();
  std::vector<Segment> segments;
  auto span = spans.begin();
  for (const Run& run : runs) {
    const int message = run.origin->message >= 0 ? run.origin->message : run.region;
    for (size_t at = run.begin; at < run.end;) {
      while (span != spans.end() && span->end <= at) ++span;
      const bool trainable = span != spans.end() && span->begin <= at;
      size_t end = run.end;
      if (span != spans.end())
        end = std::min(end, trainable ? span->end : std::max(span->begin, at + 1));
      add_segment(segments, {text.substr(at, end - at), run.origin->is_template,
                             message >= 0 ? chat.roles[static_cast<size_t>(message)] : "",
                             trainable, message, run.origin->is_template ? "" : run.origin->field});
      at = end;
    }
  }
  return segments;
}

}  // namespace llm::text
