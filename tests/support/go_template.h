// As much of Go's text/template as Modelfiles of ours hold: text, trim markers, if, range over
// .Messages, eq, gt, not, len, slice. Written from Go's documentation, for comparison.
#pragma once

#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "llm/text/chat_template.h"

namespace llm::test {

class GoTemplate {
 public:
  explicit GoTemplate(const std::string& text) {
    lex(text);
    size_t at = 0;
    root_ = parse(at);
    if (at != pieces_.size()) throw std::runtime_error("unexpected {{ " + pieces_[at].text + " }}");
  }

  // As Ollama runs it: .System is the system message's content, .Messages all messages.
  std::string run(const std::vector<text::ChatMessage>& messages) {
    messages_ = messages;
    out_.clear();
    variables_.clear();
    system_ = !messages.empty() && messages[0].role == "system" ? messages[0].content : "";
    run_list(root_, nullptr);
    return out_;
  }

 private:
  struct Piece {
    bool is_action = false;
    std::string text;
  };
  struct Node {
    Piece piece;
    std::vector<Node> body, otherwise;
  };
  struct List {
    size_t begin = 0;
  };
  using Value = std::variant<std::string, int64_t, bool, List>;

  static bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

  void lex(const std::string& text) {
    bool trims = false;
    for (size_t at = 0; at <= text.size();) {
      const size_t open = std::min(text.find("{{", at), text.size());
      std::string plain = text.substr(at, open - at);
      if (trims) plain.erase(0, std::min(plain.find_first_not_of(" \n\t\r"), plain.size()));
      if (open == text.size()) {
        pieces_.push_back({false, plain});
        return;
      }
      size_t close = open + 2;  // quotes may hold braces
      for (bool quoted = false; close < text.size(); ++close) {
        if (text[close] == '"') quoted = !quoted;
        if (!quoted && text.compare(close, 2, "}}") == 0) break;
      }
      std::string action = text.substr(open + 2, close - open - 2);
      if (action.starts_with("- ")) {
        while (!plain.empty() && is_space(plain.back())) plain.pop_back();
        action.erase(0, 1);
      }
      trims = action.ends_with(" -");
      if (trims) action.pop_back();
      pieces_.push_back({false, plain});
      pieces_.push_back({true, action});
      at = close + 2;
    }
  }

  static std::vector<std::string> words(const std::string& text) {
    std::vector<std::string> words;
    for (size_t i = 0; i < text.size();) {
      if (is_space(text[i])) {
        ++i;
      } else if (text[i] == '(' || text[i] == ')' || text[i] == ',') {
        words.emplace_back(1, text[i++]);
      } else {
        const size_t end = text[i] == '"' ? text.find('"', i + 1) + 1
                                          : std::min(text.find_first_of(" ()\n,", i), text.size());
        words.push_back(text.substr(i, end - i));
        i = end;
      }
    }
    return words;
  }

  // Up to "end" or "else" of the caller.
  std::vector<Node> parse(size_t& at) {
    std::vector<Node> nodes;
    while (at < pieces_.size()) {
      const Piece piece = pieces_[at];
      const std::vector<std::string> all = piece.is_action ? words(piece.text) : words("");
      const std::string first = all.empty() ? "" : all[0];
      if (piece.is_action && (first == "end" || first == "else")) return nodes;
      ++at;
      Node node{piece, {}, {}};
      if (first == "if" || first == "range") {
        node.body = parse(at);
        parse_rest(at, node);
      }
      nodes.push_back(std::move(node));
    }
    return nodes;
  }

  void parse_rest(size_t& at, Node& node) {
    const std::vector<std::string> all = words(pieces_.at(at).text);
    ++at;
    if (all[0] == "end") return;
    if (all.size() > 1) {  // else if
      Node nested{{true, pieces_[at - 1].text.substr(pieces_[at - 1].text.find("if"))}, {}, {}};
      nested.body = parse(at);
      parse_rest(at, nested);
      node.otherwise.push_back(std::move(nested));
      return;
    }
    node.otherwise = parse(at);
    ++at;  // end
  }

  void run_list(const std::vector<Node>& nodes, const text::ChatMessage* dot) {
    for (const Node& node : nodes) run_node(node, dot);
  }

  void run_node(const Node& node, const text::ChatMessage* dot) {
    if (!node.piece.is_action) {
      out_ += node.piece.text;
      return;
    }
    std::vector<std::string> all = words(node.piece.text);
    if (all[0] == "range") {  // range $i, $_ := .Messages
      if (all.back() != ".Messages") throw std::runtime_error("range over " + all.back());
      for (size_t i = 0; i < messages_.size(); ++i) {
        variables_[all[1]] = static_cast<int64_t>(i);
        run_list(node.body, &messages_[i]);
      }
      return;
    }
    const bool is_if = all[0] == "if";
    const bool is_set = all.size() > 1 && all[1] == ":=";
    size_t at = is_if ? 1 : is_set ? 2 : 0;
    const Value value = call(all, at, dot);
    if (is_set) variables_[all[0]] = value;
    if (is_if) run_list(is_true(value) ? node.body : node.otherwise, dot);
    if (!is_if && !is_set) out_ += std::get<std::string>(value);
  }

  Value call(const std::vector<std::string>& all, size_t& at, const text::ChatMessage* dot) {
    const std::string name = all.at(at);
    if (name[0] == '.' || name[0] == '$' || name[0] == '"' || isdigit(name[0]))
      return operand(all, at, dot);
    ++at;
    std::vector<Value> arguments;
    while (at < all.size() && all[at] != ")") arguments.push_back(operand(all, at, dot));
    if (name == "not") return !is_true(arguments.at(0));
    if (name == "eq")
      return std::holds_alternative<int64_t>(arguments.at(0))
                 ? std::get<int64_t>(arguments[0]) == std::get<int64_t>(arguments.at(1))
                 : std::get<std::string>(arguments[0]) == std::get<std::string>(arguments.at(1));
    if (name == "gt")
      return std::get<int64_t>(arguments.at(0)) > std::get<int64_t>(arguments.at(1));
    if (name == "slice") return List{static_cast<size_t>(std::get<int64_t>(arguments.at(1)))};
    if (name == "len")
      return static_cast<int64_t>(messages_.size() - std::get<List>(arguments.at(0)).begin);
    throw std::runtime_error("function " + name);
  }

  Value operand(const std::vector<std::string>& all, size_t& at, const text::ChatMessage* dot) {
    const std::string word = all.at(at++);
    if (word == "(") {
      const Value value = call(all, at, dot);
      ++at;
      return value;
    }
    if (word[0] == '"') return word.substr(1, word.size() - 2);
    if (isdigit(word[0])) return static_cast<int64_t>(std::stoll(word));
    if (word == ".System" && !dot) return system_;
    if (word == "$.Messages" || word == ".Messages") return List{};
    if (word == ".Role" && dot) return dot->role;
    if (word == ".Content" && dot) return dot->content;
    if (word == ".Prompt" && !dot) return messages_.back().content;
    if (word[0] == '$' && variables_.contains(word)) return variables_.at(word);
    throw std::runtime_error("operand " + word);
  }

  static bool is_true(const Value& value) {
    if (const auto* text = std::get_if<std::string>(&value)) return !text->empty();
    if (const auto* number = std::get_if<int64_t>(&value)) return *number != 0;
    return std::get<bool>(value);
  }

  std::vector<Piece> pieces_;
  std::vector<Node> root_;
  std::vector<text::ChatMessage> messages_;
  std::string system_;
  std::map<std::string, Value> variables_;
  std::string out_;
};

}  // namespace llm::test
