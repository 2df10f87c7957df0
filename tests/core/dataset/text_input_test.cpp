#include "engine/core/dataset/text_input.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test.h"

namespace llmrun {
namespace {

void write(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

TextInput input_of(const std::string& path) { return find_inputs({path}, std::nullopt).at(0); }

std::vector<std::string> documents_of(const TextInput& input, const std::string& key = "text") {
  std::vector<std::string> documents(1);
  const ChunkedText text(input);
  for (int64_t i = 0; i < ChunkedText::chunks(input); ++i) {
    text.for_each_document(i, key, [&](std::string_view piece, bool ends) {
      documents.back() += piece;
      if (ends) documents.emplace_back();
    });
  }
  CHECK(documents.back() == "");
  documents.pop_back();
  return documents;
}

/// The error that reading this JSONL or text gives.
Error error_of(const TextInput& input) {
  try {
    documents_of(input);
  } catch (const Error& error) {
    return error;
  }
  FAIL("the input was accepted");
  throw;
}

}  // namespace

TEST_CASE("directories are walked in a fixed order; hidden and empty files are left out") {
  const TemporaryDirectory directory;
  std::filesystem::create_directories(directory / "d/sub");
  std::filesystem::create_directories(directory / "d/.git");
  for (const char* name : {"d/b.txt", "d/a.jsonl", "d/sub/c", "d/.hidden", "d/.git/x"}) write(directory / name, "x");
  write(directory / "d/empty", "");
  write(directory / "first", "y");
  const auto inputs = find_inputs({directory / "first", directory / "d"}, std::nullopt);
  REQUIRE(inputs.size() == 4);
  CHECK(inputs[0].path == directory / "first");
  CHECK(inputs[1].path == directory / "d/a.jsonl");
  CHECK(inputs[1].format == TextFormat::jsonl);
  CHECK(inputs[2].path == directory / "d/b.txt");
  CHECK(inputs[3].path == directory / "d/sub/c");
  CHECK(find_inputs({directory / "first"}, TextFormat::jsonl)[0].format == TextFormat::jsonl);
}

TEST_CASE("a file that is missing, compressed or a device is refused by name") {
  const TemporaryDirectory directory;
  write(directory / "a.txt.gz", "x");
  CHECK_THROWS_WITH_AS(input_of(directory / "none"), doctest::Contains("No such file"), Error);
  CHECK_THROWS_WITH_AS(input_of(directory / "a.txt.gz"), doctest::Contains("is compressed"), Error);
  CHECK_THROWS_WITH_AS(input_of("/dev/null"), doctest::Contains("neither a file nor a directory"), Error);
}

TEST_CASE("the chunks of a text are the text, cut after newlines or at least between characters") {
  const TemporaryDirectory directory;
  const auto size = static_cast<size_t>(ChunkedText::kChunk);
  std::string lines, one_line;
  while (lines.size() < 3 * size + 100) lines += "line " + std::to_string(lines.size()) + "\n";
  while (one_line.size() < 2 * size + 100) one_line += "\xE2\x82\xAC";  // three bytes, which do not divide 2^20
  const std::vector<std::string> texts{"short",
                                       "\n",
                                       std::string(size, 'a'),
                                       std::string(size - 1, 'a') + "\n",
                                       std::string(size, '\n') + "b",
                                       std::string(size, 'a') + "\n",
                                       lines,
                                       one_line,
                                       lines + one_line + lines};
  for (const std::string& text : texts) {
    CAPTURE(text.size());
    write(directory / "text", text);
    const TextInput input = input_of(directory / "text");
    const ChunkedText chunked(input);
    std::string joined;
    for (int64_t i = 0; i < ChunkedText::chunks(input); ++i) {
      const std::string_view chunk = chunked.chunk(i);
      joined += chunk;
      CHECK(chunk.size() <= 2 * size);
      if (text == lines) CHECK(chunk.back() == '\n');
    }
    CHECK(joined == text);
    CHECK(documents_of(input) == std::vector<std::string>{text});
  }
}

TEST_CASE("each line of a JSONL file is a document, however long; blank ones and empty texts are none") {
  const TemporaryDirectory directory;
  const std::string long_text(3 * ChunkedText::kChunk, 'x');
  write(directory / "a.jsonl",
        "{\"text\": \"one\\ntwo \\u00e9\", \"id\": 1}\r\n\n  \n{\"id\": {\"text\": \"no\"}, \"text\": \"three\"}\n{\"text\": \"\"}\n" +
            ("{\"text\": \"" + long_text + "\"}\n{\"text\": \"last, without newline\"}"));
  const std::vector<std::string> expected{"one\ntwo \xC3\xA9", "three", long_text, "last, without newline"};
  CHECK(documents_of(input_of(directory / "a.jsonl")) == expected);
}

TEST_CASE("a byte order mark at the start of a file is no part of its text") {
  const TemporaryDirectory directory;
  const std::string mark = "\xEF\xBB\xBF";
  write(directory / "a.txt", mark + "one" + mark);
  write(directory / "a.jsonl", mark + "{\"text\": \"two\"}\n");
  write(directory / "empty.txt", mark);
  CHECK(documents_of(input_of(directory / "a.txt")) == std::vector<std::string>{"one" + mark});
  CHECK(documents_of(input_of(directory / "a.jsonl")) == std::vector<std::string>{"two"});
  CHECK(documents_of(input_of(directory / "empty.txt")).empty());
}

TEST_CASE("the text may stand under another key") {
  const TemporaryDirectory directory;
  write(directory / "a.jsonl", "{\"body\": \"one\"}\n");
  CHECK(documents_of(input_of(directory / "a.jsonl"), "body") == std::vector<std::string>{"one"});
}

TEST_CASE("a bad line is refused with its file and line") {
  struct Row {
    const char* line;
    const char* complaint;
  };
  const TemporaryDirectory directory;
  for (const Row& row : {Row{"{\"text\": \"a\"", "is not JSON"}, Row{"not json", "is not JSON"}, Row{"{\"text\": \"\xFF\"}", "is not JSON"},
                         Row{"{\"text\": 5}", "a string under 'text'"}, Row{"{\"Text\": \"a\"}", "a string under 'text'"},
                         Row{"[1]", "a string under 'text'"}, Row{"\"text\"", "a string under 'text'"}}) {
    CAPTURE(row.line);
    write(directory / "a.jsonl", std::string("{\"text\": \"fine\"}\n\n") + row.line + "\n{\"text\": \"fine\"}\n");
    const Error error = error_of(input_of(directory / "a.jsonl"));
    CHECK(error.code() == Exit::preflight);
    CHECK(std::string(error.what()).find(row.complaint) != std::string::npos);
    CHECK(error.complaints()[0].at == Place{directory / "a.jsonl", 3, 0});
  }
}

TEST_CASE("text that is not UTF-8 is refused with its line and byte") {
  const TemporaryDirectory directory;
  write(directory / "a.txt", "fine\nfine\ncaf\xE9 au lait\n");
  const Error error = error_of(input_of(directory / "a.txt"));
  CHECK(error.code() == Exit::preflight);
  CHECK(std::string(error.what()).find("is not UTF-8 (byte 13)") != std::string::npos);
  CHECK(error.complaints()[0].at == Place{directory / "a.txt", 3, 0});
}

TEST_CASE("a file that changes its size after it was found is noticed") {
  const TemporaryDirectory directory;
  write(directory / "a.txt", "some text");
  const TextInput input = input_of(directory / "a.txt");
  write(directory / "a.txt", "some more text");
  CHECK_THROWS_WITH_AS(ChunkedText{input}, doctest::Contains("9 bytes expected, it has 14"), Error);
}

}  // namespace llmrun
