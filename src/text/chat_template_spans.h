// From a rendering to segments: which of its text is whose, and what of it is trained.
#pragma once

#include <string>
#include <vector>

#include "llm/text/chat_template.h"
#include "text/jinja/interpreter.h"

namespace llm::text {

// Where text comes from; index 0 of a table of them is the template.
struct Origin {
  int message = -1;
  std::string field;
  bool is_template = false;
};

struct RenderedChat {
  jinja::Rendering rendering;
  std::vector<Origin> origins;
  std::vector<std::string> roles;  // of the messages
  bool has_generation = false;     // the template marks itself what is trained
};

// `generation_prompt`: how the template opens a turn to be written; "" when that is unknown.
std::vector<Segment> segments_of(const RenderedChat& chat, const TemplateTokens& tokens,
                                 const std::string& generation_prompt);
// Appends, as part of the segment before it where nothing tells them apart.
void add_segment(std::vector<Segment>& segments, Segment segment);

}  // namespace llm::text
