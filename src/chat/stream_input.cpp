#include <istream>

#include "llm/chat/line_input.h"

namespace llm::chat {

namespace {

class StreamInput : public LineInput {
 public:
  explicit StreamInput(std::istream& in) : in_(in) {}
  InputLine next(bool) override {
    InputLine line;
    if (!std::getline(in_, line.text)) return {InputLine::Kind::kEnd, ""};
    if (line.text.ends_with('\r')) line.text.pop_back();
    return line;
  }

 private:
  std::istream& in_;
};

}  // namespace

std::unique_ptr<LineInput> make_stream_input(std::istream& in) {
  return std::make_unique<StreamInput>(in);
}

}  // namespace llm::chat
