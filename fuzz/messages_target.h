// What rendering is held to under arbitrary conversations, through every named template and its
// Jinja text: a typed exception (core::Error) with a place, or segments whose template text comes
// from the template alone. Shared by messages_fuzz and tests/property/text.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "llm/core/error.h"
#include "llm/text/chat_template.h"
#include "llm/text/utf8.h"

namespace llm::fuzz {

// A byte that no template and no role writes: in template text it would have come from a message.
inline constexpr char kMessageMark = '\x01';

// Whether the template rendered them.
inline bool renders(const text::ChatTemplate& chat_template, const text::RenderRequest& request) {
  try {
    for (const text::Segment& segment : chat_template.render(request)) {
      if (text::find_invalid_utf8(segment.text) != std::string::npos)
        throw std::logic_error("text that is not UTF-8");
      if (segment.is_template && segment.text.find(kMessageMark) != std::string::npos)
        throw std::logic_error("a message's text among the template's");
    }
    return true;
  } catch (const core::Error& error) {
    if (error.info().where.empty()) throw std::logic_error("an error without a place");
    return false;
  }
}

// The messages, or an object of messages and tools.
inline bool messages(std::string_view bytes) {
  text::RenderRequest request;
  try {
    request.messages = io::parse_ordered_json(bytes, "messages");
  } catch (const core::Error&) {
    return false;
  }
  if (request.messages.is_object() && request.messages.contains("tools")) {
    request.tools = request.messages["tools"];
    request.messages = request.messages.value("messages", io::OrderedJson());
  }
  bool any = false;
  for (const std::string& name : text::named_templates()) {
    any |= renders(text::ChatTemplate::named(name), request);
    any |= renders(text::ChatTemplate::from_jinja(text::jinja_of(name)), request);
  }
  return any;
}

}  // namespace llm::fuzz
