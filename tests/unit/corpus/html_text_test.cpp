// Oracle: expected text written by hand from the HTML Living Standard's rules; invariants on random
// markup.
#include "llm/corpus/html_text.h"

#include <gtest/gtest.h>

#include <random>

#include "llm/text/utf8.h"

namespace llm::corpus {
namespace {

TEST(HtmlText, KeepsParagraphsApartAndCollapsesWhiteSpace) {
  EXPECT_EQ(html_to_text("<p>one\n  two</p>\n<p>three<br>four</p>tail"),
            "one two\n\nthree\nfour\n\ntail");
}

TEST(HtmlText, WritesListsAndTables) {
  EXPECT_EQ(html_to_text("<p>a</p><ul><li>b<li><p>c</p><ul><li>d</ul></ul>e"),
            "a\n\n- b\n- c\n  - d\n\ne");
  EXPECT_EQ(html_to_text("<table><tr><th>x<th>y<tr><td>1<td><p>2</p><p>3</p></table>"),
            "x | y\n1 | 2 3");
}

TEST(HtmlText, ReadsALayoutTableAsText) {
  EXPECT_EQ(html_to_text("<table><tr><td><p>a</p><p>b</p></td></tr></table>"), "a\n\nb");
}

TEST(HtmlText, KeepsPreformattedText) {
  EXPECT_EQ(html_to_text("<p>a</p><pre>\nx  y\n  z &lt; 1\n\n</pre><p>b"),
            "a\n\nx  y\n  z < 1\n\nb");
}

TEST(HtmlText, ResolvesCharacterReferences) {
  EXPECT_EQ(html_to_text("&lt;&amp;&gt; &eacute;&#44032;&#xAC01; &hellip; &nbsp;x"),
            "<&> \u00E9\uAC00\uAC01 \u2026 x");
  EXPECT_EQ(html_to_text("a &unknown; & b &#0;&#x110000;&#xD800; &#150;"),
            "a &unknown; & b \uFFFD\uFFFD\uFFFD \u2013");
  EXPECT_EQ(html_to_text("caf&eacute c &amp &#65 &#x41"), "caf\u00E9 c & A A");
}

TEST(HtmlText, LeavesScriptsNavigationAndFormsOut) {
  EXPECT_EQ(html_to_text("<script>if (a < b) { '<p>no</p>' }</script><style>p {}</style>"
                         "<nav>no</nav><header>no</header><div role=navigation>no</div>"
                         "<div class='wide navheader'>no</div><aside>no</aside>"
                         "<main><header><h1>yes</h1></header>text<select><option>no</select></main>"
                         "<footer>no</footer><!-- no <p> --><noscript>no</noscript>"),
            "yes\n\ntext");
}

TEST(HtmlText, PutsTheTitleFirstUnlessTheHeadingSaysIt) {
  EXPECT_EQ(html_to_text("<title>A &amp; B</title><body><p>text"), "A & B\n\ntext");
  EXPECT_EQ(html_to_text("<title>5. Topic - Book</title><body><h1>5. Topic</h1><p>text"),
            "5. Topic\n\ntext");
  EXPECT_EQ(html_to_text("<title>Only a title</title><body><script>1</script>"), "");
}

TEST(HtmlText, KeepsOneOfSeveralHiddenAlternatives) {
  EXPECT_EQ(html_to_text("choose <span><span hidden=true>Preferences</span>"
                         "<span hidden=true>Options</span></span>."),
            "choose Options.");
  EXPECT_EQ(html_to_text("<div>shown<span hidden>not</span></div>"), "shown");
}

TEST(HtmlText, ReadsXhtmlSelfClosingElements) {
  EXPECT_EQ(html_to_text("<?xml version=\"1.0\"?><!DOCTYPE html><h1><a id=\"x\"/>T</h1><div/>u"),
            "T\n\nu");
}

TEST(HtmlText, SurvivesStrayEndTagsAndCutMarkup) {
  EXPECT_EQ(html_to_text("a</p></div><table><tr><td>b</div>c</td><td>d</table>e<p class='x"),
            "a\n\nbc | d\n\ne");
  EXPECT_EQ(html_to_text("1 < 2 <3 </ >x"), "1 < 2 <3 </ >x");
  EXPECT_EQ(html_to_text("<script>never ends"), "");
}

TEST(HtmlText, DeepNestingIsFlattened) {
  std::string html;
  for (int i = 0; i < 200000; ++i) html += "<div>";
  EXPECT_EQ(html_to_text(html + "deep"), "deep");
}

TEST(HtmlText, AnyMarkupGivesTidyUtf8) {
  const std::vector<std::string> parts = {"<p>",       "</p>",     "<div ",
                                          "class=\"",  "\"",       ">",
                                          "<",         "&",        "&#x",
                                          "41;",       "<li>",     "<ul>",
                                          "</ul>",     "<td>",     "<tr>",
                                          "<table>",   "</table>", "<pre>",
                                          "<!--",      "-->",      "<script>",
                                          "</script>", "한",       " ",
                                          "\n",        "word",     "<span hidden>",
                                          "</span>",   "<h1>",     "<title>",
                                          "</title>",  "/>",       "="};
  std::mt19937 random(7);
  for (int round = 0; round < 3000; ++round) {
    std::string html;
    for (size_t i = random() % 40; i > 0; --i) html += parts[random() % parts.size()];
    const std::string text = html_to_text(html);
    EXPECT_EQ(text::find_invalid_utf8(text), std::string::npos) << html;
    if (text.empty()) continue;
    EXPECT_EQ(std::string(" \n").find(text.back()), std::string::npos) << html;
  }
}

}  // namespace
}  // namespace llm::corpus
