// Oracle: the documents that were written, and messages with places counted by hand.
#include "llm/corpus/document_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>

#include "llm/core/error.h"
#include "support/compress.h"
#include "support/error_text.h"
#include "support/temp_directory.h"
#include "unit/corpus/corpus_fixture.h"

namespace llm::corpus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAreArray;

class DocumentReader : public testing::Test {
 protected:
  // In file order, through the two steps by hand.
  std::vector<std::string> read(const std::vector<std::filesystem::path>& paths) {
    std::vector<std::string> inputs(paths.begin(), paths.end());
    const auto files = find_input_files(inputs, options_.format);
    RecordReader reader(files, options_);
    const RecordParser parser(files, options_);
    std::vector<std::string> texts;
    while (auto record = reader.next()) {
      lines_.push_back(record->line);
      const ParsedRecord parsed = parser.parse(std::move(*record));
      counts_.add(parsed);
      if (parsed.kind == RecordKind::kDocument) texts.push_back(parsed.document.text);
    }
    EXPECT_EQ(reader.bytes_done(), reader.bytes_total());
    return texts;
  }
  std::string message(const std::filesystem::path& path) {
    return test::error_text<core::DataError>([&] { read({path}); });
  }

  test::TempDirectory dir_;
  ReadOptions options_;
  ReadCounts counts_;
  std::vector<uint64_t> lines_;
};

TEST_F(DocumentReader, JsonLinesGiveTheirTopLevelField) {
  const auto texts = random_texts(200, 1);
  EXPECT_EQ(read({dir_.file("a.jsonl", "\xEF\xBB\xBF" + to_jsonl(texts))}), texts);
  options_.text_field = "body";
  EXPECT_THAT(
      read({dir_.file("b.jsonl", "\n{\"body\":\"\\ud55c \\u0041\"}\r\n \n{\"body\":\"b\"}")}),
      ElementsAre("한 A", "b"));
  EXPECT_EQ(lines_.back(), 4u);
}

TEST_F(DocumentReader, TextIsOneDocumentAFileOrCutAtBlankLinesOrLines) {
  const auto path = dir_.file("a.txt", "\xEF\xBB\xBFone\ntwo\r\n\n \t\nthree\n\n\n");
  EXPECT_THAT(read({path}), ElementsAre("one\ntwo\r\n\n \t\nthree\n\n\n"));
  options_.split_documents = TextSplit::kBlankLines;
  lines_.clear();
  EXPECT_THAT(read({path}), ElementsAre("one\ntwo", "three"));
  EXPECT_THAT(lines_, ElementsAre(1, 5));
  options_.split_documents = TextSplit::kLines;
  EXPECT_THAT(read({path}), ElementsAre("one", "two", "three"));
}

TEST_F(DocumentReader, CompressedFilesReadAsPlainOnes) {
  const auto gz = dir_.file("a.jsonl.gz", test::gzip(to_jsonl({"packed"})));
  const auto zst = dir_.file("b.txt.zst", test::zstd("also packed"));
  EXPECT_THAT(read({gz, zst, dir_.file("c.html", "<p>page</p>")}),
              ElementsAre("packed", "also packed", "page"));
}

TEST_F(DocumentReader, NamesThePlaceOfWhatIsNoJson) {
  EXPECT_THAT(message(dir_.file("a.jsonl", "{\"text\": \"a\"}\n{\"text\": \"한\", oops}\n")),
              HasSubstr("a.jsonl:2:15: expected a JSON object"));
  EXPECT_THAT(message(dir_.file("b.jsonl", "[1]\n")),
              HasSubstr("b.jsonl:1: expected a JSON object, "
                        "got an array"));
  EXPECT_THAT(message(dir_.file("c.jsonl", "{\"text\": \"cut")), HasSubstr("c.jsonl:1:"));
}

TEST_F(DocumentReader, NamesThePlaceOfAFieldThatIsWrong) {
  EXPECT_THAT(
      message(dir_.file("a.jsonl", "{\"Text\": \"a\", \"id\": 1}\n")),
      testing::AllOf(HasSubstr("a.jsonl:1"), HasSubstr("Text, id"), HasSubstr("\"Text\"?")));
  EXPECT_THAT(message(dir_.file("b.jsonl", "{\"text\": [\"a\"]}\n")), HasSubstr("got an array"));
  EXPECT_THAT(message(dir_.file("c.jsonl", "{\"text\": null}\n")), HasSubstr("got null"));
  EXPECT_THAT(message(dir_.file("d.jsonl", "{\"text\": \"a\", \"text\": \"b\"}\n")),
              HasSubstr("twice"));
}

TEST_F(DocumentReader, InvalidUtf8IsAnErrorOrReplacedOrSkipped) {
  const auto lines = dir_.file("a.jsonl", "{\"text\":\"ok\"}\n{\"text\":\"b\xFFz\"}\n");
  const auto text = dir_.file("a.txt", "one\ntw\xC3(o\n");
  EXPECT_THAT(message(lines),
              HasSubstr("a.jsonl:2: expected valid UTF-8, got byte 0xFF at byte 11"));
  EXPECT_THAT(message(text), HasSubstr("a.txt:2: expected valid UTF-8, got byte 0xC3 at byte 3"));
  counts_ = {};
  options_.invalid_utf8 = InvalidUtf8::kReplace;
  EXPECT_THAT(read({lines, text}), ElementsAre("ok", "b\uFFFDz", "one\ntw\uFFFD(o\n"));
  EXPECT_EQ(counts_.replaced_invalid, 2u);
  counts_ = {};
  options_.invalid_utf8 = InvalidUtf8::kSkip;
  EXPECT_THAT(read({lines, text}), ElementsAre("ok"));
  EXPECT_EQ(counts_.skipped_invalid, 2u);
}

TEST_F(DocumentReader, ALoneSurrogateIsTreatedAsInvalidUtf8) {
  // A pair, a low half, a high half before a character, before another escape and before a pair; a
  // backslash that escapes a backslash begins no escape.
  const auto lines =
      dir_.file("a.jsonl", R"({"text":"\ud83d\ude42 \\ud800"})"
                           "\n"
                           R"({"text":"a\uDC00b\ud800c\ud800\n\ud800\ud83d\ude42","\udfff":1})"
                           "\n");
  EXPECT_THAT(message(lines), HasSubstr("a.jsonl:2: expected text that can be UTF-8, got the lone "
                                        "surrogate \\uDC00 at byte 11 of the line"));
  counts_ = {};
  options_.invalid_utf8 = InvalidUtf8::kReplace;
  EXPECT_THAT(read({lines}),
              ElementsAre("\U0001F642 \\ud800", "a\uFFFDb\uFFFDc\uFFFD\n\uFFFD\U0001F642"));
  EXPECT_EQ(counts_.replaced_invalid, 1u);
  counts_ = {};
  options_.invalid_utf8 = InvalidUtf8::kSkip;
  EXPECT_THAT(read({lines}), ElementsAre("\U0001F642 \\ud800"));
  EXPECT_EQ(counts_.skipped_invalid, 1u);
}

TEST_F(DocumentReader, EmptyDocumentsAreLeftOutAndCounted) {
  EXPECT_THAT(read({dir_.file("a.jsonl", to_jsonl({"", " \n\t", "x"}))}), ElementsAre("x"));
  EXPECT_EQ(counts_.skipped_empty, 2u);
  EXPECT_EQ(counts_.bytes, 1u);
}

TEST_F(DocumentReader, VisitingGivesTheSameDocumentsWithAnyNumberOfThreads) {
  const auto texts = random_texts(5000, 2);
  const auto files =
      find_input_files({dir_.file("a.jsonl", to_jsonl(texts)).string()}, DocumentFormat::kAuto);
  for (const int num_threads : {1, 2, 5}) {
    std::mutex mutex;
    std::vector<std::string> seen;
    uint64_t documents_reported = 0;
    const ReadCounts counts = visit_documents(
        files, options_, num_threads,
        [&](const Document& document) {
          const std::lock_guard lock(mutex);
          seen.push_back(document.text);
        },
        [&](const ReadProgress& at) { documents_reported = at.documents; });
    EXPECT_THAT(seen, UnorderedElementsAreArray(texts));
    EXPECT_EQ(counts.documents, texts.size());
    EXPECT_EQ(documents_reported, texts.size());
  }
}

TEST_F(DocumentReader, AnEmptyCorpusIsAnError) {
  const auto visit = [&](const std::filesystem::path& path) {
    const auto files = find_input_files({path.string()}, DocumentFormat::kAuto);
    visit_documents(files, options_, 2, [](const Document&) {});
  };
  EXPECT_THAT(test::error_text<core::DataError>([&] { visit(dir_.file("a.jsonl", "\n\n")); }),
              HasSubstr("at least one document, got none"));
  EXPECT_THAT(test::error_text<core::DataError>([&] {
                visit(dir_.file("b.jsonl", to_jsonl({"", ""})));
              }),
              HasSubstr("2 empty"));
}

TEST_F(DocumentReader, ACutZstFileIsAFormatError) {
  const std::string packed = test::zstd(to_jsonl(random_texts(100, 3)));
  const auto path = dir_.file("a.jsonl.zst", packed.substr(0, packed.size() - 9));
  EXPECT_THROW(read({path}), core::FormatError);
}

}  // namespace
}  // namespace llm::corpus
