// What a conversation brings and its template leaves out.
#pragma once

#include <string>
#include <vector>

#include "llm/text/chat_template.h"

namespace llm::apps {

// One sentence for each variable, the tools, tool calls and reasoning that the template neither
// names nor wrote into `segments`, its rendering of the request.
std::vector<std::string> unshown_parts(const text::ChatTemplate& chat_template,
                                       const text::RenderRequest& request,
                                       const std::vector<text::Segment>& segments);

}  // namespace llm::apps
