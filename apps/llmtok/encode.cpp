#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "common/interrupt.h"
#include "common/output.h"
#include "common/token_text.h"
#include "llm/core/error.h"
#include "llm/io/file.h"
#include "llm/io/json.h"
#include "llm/io/line_reader.h"
#include "llm/text/tokenizer.h"
#include "llm/text/utf8.h"
#include "llmtok/commands.h"

namespace llm::apps {
namespace {

constexpr const char* kEncodeExamples =
    "  echo 'Hello, world' | llmtok encode --tokenizer tok --input -\n"
    "  llmtok encode --tokenizer tok --input page.txt --whole --json\n"
    "  llmtok encode --tokenizer tok --input chat.txt --parse-special";
constexpr const char* kDecodeExamples =
    "  echo '15339 11 1917' | llmtok decode --tokenizer tok --input -\n"
    "  llmtok decode --tokenizer runs/first --input ids.txt        # a text for every line of ids\n"
    "  llmtok encode --tokenizer tok --input page.txt --whole > page.ids\n"
    "  llmtok decode --tokenizer tok --input page.ids --whole > page.txt    # the same bytes\n"
    "  llmtok encode --tokenizer tok --input page.txt --json > page.jsonl\n"
    "  llmtok decode --tokenizer tok --input page.jsonl --skip-special";

struct CodecCommand {
  std::string tokenizer;
  std::string input;
  bool is_whole = false;
  bool skip_special = false;  // decode
  text::EncodeOptions encode;
};

std::string read_all(const std::string& path) {
  io::ByteReader reader(path);
  std::string bytes;
  for (size_t count = 1; count > 0;) {
    constexpr size_t kChunk = size_t{1} << 16;
    const size_t size = bytes.size();
    bytes.resize(size + kChunk);
    count = reader.read(bytes.data() + size, kChunk);
    bytes.resize(size + count);
  }
  return bytes;
}

// Calls `handle(text, place)` for every line, or once for the whole input.
template <class Handle>
void for_each_text(const CodecCommand& command, Handle&& handle) {
  const std::string path = input_path(command.input);
  const std::string name = io::shown_path(path);
  if (command.is_whole) return handle(read_all(path), name);
  io::LineReader lines(path);
  while (const auto line = lines.next()) {
    check_interrupt();
    handle(*line, fmt::format("{}:{}", name, lines.line_number()));
  }
}

void require_utf8(const std::string& text, const std::string& place) {
  const size_t at = text::find_invalid_utf8(text);
  if (at == std::string::npos) return;
  throw core::DataError(
      {.where = place,
       .expected = "valid UTF-8",
       .got = fmt::format("byte 0x{:02X} at byte {}", static_cast<unsigned char>(text[at]), at + 1),
       .hint = "Convert the text first"});
}

void run_encode(const CodecCommand& command, const GlobalOptions& global) {
  const auto tokenizer = text::load_tokenizer(command.tokenizer);
  for_each_text(command, [&](const std::string& text, const std::string& place) {
    require_utf8(text, place);
    const std::vector<int32_t> ids = tokenizer->encode(text, command.encode);
    if (global.json) {
      io::OrderedJson tokens = io::OrderedJson::array();
      for (const int32_t id : ids) tokens.push_back(shown_token(*tokenizer, id));
      write_output(io::dump_json({{"ids", ids}, {"tokens", tokens}}) + "\n");
    } else {
      write_output(fmt::format("{}\n", fmt::join(ids, " ")));
    }
  });
}

// "ids" of what encode --json writes.
std::vector<int32_t> object_ids(const std::string& text, const std::string& place) {
  const io::Json json = io::parse_json(text, place);
  const auto ids = json.find("ids");
  const bool is_list =
      ids != json.end() && ids->is_array() && std::ranges::all_of(*ids, [](const io::Json& id) {
        return id.is_number_integer() && id == id.get<int32_t>();
      });
  if (is_list) return ids->get<std::vector<int32_t>>();
  throw core::DataError(
      {.where = place,
       .expected = "an object with a list \"ids\", as llmtok encode --json writes",
       .got = ids == json.end() ? "none" : "\"ids\" with something else",
       .hint = "Plain numbers and JSON lists are read as well"});
}

// Whole numbers between anything of " ,[]" and line ends, so lists of JSON read as well.
std::vector<int32_t> listed_ids(const std::string& text, const std::string& place) {
  constexpr const char* kSeparators = " ,[]\t\r\n";
  std::vector<int32_t> ids;
  for (size_t at = text.find_first_not_of(kSeparators); at != std::string::npos;) {
    const size_t end = std::min(text.find_first_of(kSeparators, at), text.size());
    int32_t id = 0;
    const auto [stop, error] = std::from_chars(text.data() + at, text.data() + end, id);
    if (error != std::errc() || stop != text.data() + end) {
      throw core::DataError(
          {.where = place,
           .expected = "ids between spaces or commas",
           .got = "'" + text.substr(at, end - at) + "'",
           .hint = "Lists as llmtok encode writes them, with or without --json, and JSON lists are "
                   "read"});
    }
    ids.push_back(id);
    at = text.find_first_not_of(kSeparators, end);
  }
  return ids;
}

std::vector<int32_t> parse_ids(const std::string& text, const std::string& place) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  const bool is_object = first != std::string::npos && text[first] == '{';
  return is_object ? object_ids(text, place) : listed_ids(text, place);
}

void require_ids(const std::vector<int32_t>& ids, int32_t vocab_size, const std::string& place) {
  for (const int32_t id : ids) {
    if (id >= 0 && id < vocab_size) continue;
    throw core::DataError({.where = place,
                           .expected = fmt::format("ids from 0 to {}", vocab_size - 1),
                           .got = fmt::format("{}", id),
                           .hint = "Was the text encoded by another tokenizer?"});
  }
}

void run_decode(const CodecCommand& command, const GlobalOptions& global) {
  const auto tokenizer = text::load_tokenizer(command.tokenizer);
  for_each_text(command, [&](const std::string& text, const std::string& place) {
    const std::vector<int32_t> ids = parse_ids(text, place);
    require_ids(ids, tokenizer->vocab_size(), place);
    if (global.json) {
      const std::string decoded = tokenizer->decode(ids, command.skip_special);
      write_output(io::dump_json({{"text", decoded}}) + "\n");
    } else {
      write_output(tokenizer->decode_bytes(ids, command.skip_special) +
                   (command.is_whole ? "" : "\n"));
    }
  });
}

struct CodecHelp {
  const char* input;
  const char* whole;
};

void add_codec_options(CLI::App& app, CodecCommand& command, const CodecHelp& help) {
  app.add_option("--tokenizer", command.tokenizer,
                 "tokenizer, model or run directory, tokenizer file, or GGUF file")
      ->required()
      ->type_name("PATH");
  app.add_option("--input", command.input, help.input)->required()->type_name("FILE");
  app.add_flag("--whole", command.is_whole, help.whole);
}

}  // namespace

void add_encode_command(Program& program) {
  auto command = std::make_shared<CodecCommand>();
  CLI::App& app = program.add_command(
      "encode", "Text to ids, a line of ids for every line of text", kEncodeExamples,
      [command](const GlobalOptions& global) { run_encode(*command, global); });
  add_codec_options(app, *command,
                    {.input = "file of text, or - for stdin",
                     .whole = "the input is one text, every byte of it; else each line is one, "
                              "without its \\n or \\r\\n"});
  app.add_flag("--add-special", command->encode.add_special,
               "add what the tokenizer puts around a text (BOS, EOS)");
  app.add_flag("--parse-special", command->encode.parse_special,
               "special tokens in the text become their ids");
}

void add_decode_command(Program& program) {
  auto command = std::make_shared<CodecCommand>();
  CLI::App& app = program.add_command(
      "decode",
      "Ids to text, a line of text for every line of ids: numbers between spaces or commas, a JSON "
      "list, or the object that encode --json writes",
      kDecodeExamples, [command](const GlobalOptions& global) { run_decode(*command, global); });
  add_codec_options(app, *command,
                    {.input = "file of ids, or - for stdin",
                     .whole = "the input is one list of ids, and nothing follows its text; else "
                              "each line is one, and \\n follows each text"});
  app.add_flag("--skip-special", command->skip_special,
               "leave special tokens such as <|im_end|> out of the text");
}

}  // namespace llm::apps
