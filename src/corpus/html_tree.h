// A page as a tree of elements and text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace llm::corpus {

struct HtmlNode {
  std::string tag{};   // lower case; "" for text
  std::string text{};  // of a text node, character references resolved
  std::string classes{};
  std::string role{};
  bool is_hidden = false;
  std::vector<size_t> children{};
};

// nodes[0] is the root, an element with the name "html". Nesting is at most 512 deep: what lies
// deeper is attached at that depth, as browsers do.
struct HtmlTree {
  std::vector<HtmlNode> nodes;
};

// Never fails: any text is some page. A "/>" closes every element, so XHTML pages parse too.
// Contents of <script> and <style> are left out, and so are comments and declarations.
HtmlTree parse_html(std::string_view html);

}  // namespace llm::corpus
