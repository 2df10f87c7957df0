#include "engine/core/dataset/tokenizer.h"

#include <fstream>
#include <numeric>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test.h"

namespace llmrun {
namespace {

std::vector<int64_t> encode(const Tokenizer& tokenizer, const std::string& text) {
  std::vector<int32_t> ids;
  tokenizer.encode(text, ids);
  return {ids.begin(), ids.end()};
}

std::vector<std::string> some_lines() {
  std::vector<std::string> lines;
  for (const char* verb : {"created", "divided", "called", "blessed", "made", "saw"}) {
    for (const char* noun : {"the heaven", "the earth", "the waters", "the light", "every living creature", "the firmament"}) {
      lines.push_back(std::string("And God ") + verb + " " + noun + ", and it was so.");
    }
  }
  return lines;
}

const std::string kHardText = "In the  beginning\n\nGod, \xC3\x9Cn\xC3\xAF \xF0\x9D\x84\x9E \ttab 1234\r\n  x ";

}  // namespace

TEST_CASE("bytes are their own ids, there and back") {
  const auto tokenizer = open_tokenizer("bytes");
  std::string every(256, '\0');
  std::iota(every.begin(), every.end(), '\0');
  std::vector<int64_t> ids(256);
  std::iota(ids.begin(), ids.end(), 0);
  CHECK(tokenizer->vocab() == 256);
  CHECK(!tokenizer->document_end());
  CHECK(encode(*tokenizer, every) == ids);
  CHECK(tokenizer->decode(ids) == every);
  CHECK(tokenizer->decode(std::vector<int64_t>{'a', 256, -1, 'b'}) == "a\uFFFD\uFFFDb");
}

TEST_CASE("a trained SentencePiece vocabulary has the size asked for and gives any text back unchanged") {
  const TemporaryDirectory directory;
  const std::string model = train_sentencepiece(some_lines(), 320);
  CHECK(train_sentencepiece(some_lines(), 320) == model);
  std::ofstream(directory / "some.model", std::ios::binary) << model;
  const auto tokenizer = open_tokenizer("spm:" + (directory / "some.model"));
  CHECK(tokenizer->vocab() == 320);
  CHECK(tokenizer->document_end() == 2);
  CHECK(tokenizer->decode(encode(*tokenizer, kHardText)) == kHardText);
  CHECK(encode(*tokenizer, "And God created").size() < 10);
  CHECK(tokenizer->decode(std::vector<int64_t>{320, -1}) == "\uFFFD\uFFFD");
}

TEST_CASE("a SentencePiece vocabulary treats text cut after a newline as it treats the whole") {
  const TemporaryDirectory directory;
  std::ofstream(directory / "some.model", std::ios::binary) << train_sentencepiece(some_lines(), 320);
  const auto tokenizer = open_tokenizer("spm:" + (directory / "some.model"));
  const std::string first = "And God made the light.\n", second = "  And God saw the light.\n";
  auto joined = encode(*tokenizer, first);
  for (const int64_t id : encode(*tokenizer, second)) joined.push_back(id);
  CHECK(encode(*tokenizer, first + second) == joined);
}

TEST_CASE("tokenizers that cannot be opened say what is wrong") {
  const TemporaryDirectory directory;
  std::ofstream(directory / "bad.model") << "this is no model";
  CHECK_THROWS_WITH_AS(open_tokenizer("spm:" + (directory / "none.model")), doctest::Contains("no such file"), Error);
  CHECK_THROWS_WITH_AS(open_tokenizer("spm:" + (directory / "bad.model")),
                       doctest::Contains("bad.model': it is not of SentencePiece's format"), Error);
  CHECK_THROWS_WITH_AS(open_tokenizer("words"), "unknown tokenizer 'words'", Error);
  CHECK_THROWS_WITH_AS(train_sentencepiece(some_lines(), 100000), doctest::Contains("Vocabulary size too high"), Error);
}

}  // namespace llmrun
