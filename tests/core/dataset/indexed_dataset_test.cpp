#include "engine/core/dataset/indexed_dataset.h"

#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "tests/core/dataset/dataset_files.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test.h"

namespace llmrun {
namespace {

std::vector<int64_t> tokens_of(const IndexedDataset& dataset, int64_t begin, int64_t count) {
  std::vector<int64_t> tokens(count);
  dataset.read(begin, tokens);
  return tokens;
}

/// What the reader says about these files; "" when it takes them.
std::string complaint_about(const DatasetFiles& files) {
  const TemporaryDirectory directory;
  files.write(directory / "data");
  try {
    const IndexedDataset dataset(directory / "data");
    return "";
  } catch (const Error& error) {
    CHECK(error.code() == Exit::preflight);
    CHECK(error.complaints()[0].hint != "");
    return error.what();
  }
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

template <typename Stored>
void check_type(uint8_t code, std::string_view name) {
  CAPTURE(std::string(name));
  const std::vector<Stored> stored{0, 1, std::numeric_limits<Stored>::max(), std::numeric_limits<Stored>::min()};
  DatasetFiles files;
  files.code = code;
  files.add_document(stored);
  const TemporaryDirectory directory;
  files.write(directory / "data");
  const IndexedDataset dataset(directory / "data");
  CHECK(token_type_name(dataset.type()) == name);
  CHECK(tokens_of(dataset, 0, 4) == std::vector<int64_t>(stored.begin(), stored.end()));
}

}  // namespace

TEST_CASE("where the document of each token begins, empty documents and documents of one token among them") {
  DatasetFiles files;
  for (const size_t length : {3, 0, 1, 0, 0, 4}) files.add_document(std::vector<uint16_t>(length, 7));
  const TemporaryDirectory directory;
  files.write(directory / "data");
  const IndexedDataset dataset(directory / "data");
  std::vector<int64_t> begins(8);
  dataset.document_begins(0, begins);
  CHECK(begins == std::vector<int64_t>{0, 0, 0, 3, 4, 4, 4, 4});
  for (int64_t token = 0; token < 8; ++token) {
    std::vector<int64_t> one(1);
    dataset.document_begins(token, one);
    CHECK(one[0] == begins[static_cast<size_t>(token)]);
  }
}

TEST_CASE("the golden tokens read as the first bytes of Genesis") {
  const IndexedDataset dataset(LLMRUN_SOURCE_DIR "/tests/golden/gpt2-tiny/tokens");
  CHECK(dataset.tokens() == 20481);
  CHECK(dataset.documents() == 6);
  CHECK(dataset.document_tokens(0) == 4096);
  CHECK(dataset.document_tokens(5) == 1);
  CHECK(dataset.type() == TokenType::uint16);
  std::string text;
  for (const int64_t token : tokens_of(dataset, 0, 29)) text += static_cast<char>(token);
  CHECK(text == "Ge1:1 In the beginning God cr");
}

TEST_CASE("every integer type of the format is read, to its extremes") {
  check_type<uint8_t>(1, "uint8");
  check_type<int8_t>(2, "int8");
  check_type<int16_t>(3, "int16");
  check_type<int32_t>(4, "int32");
  check_type<int64_t>(5, "int64");
  check_type<uint16_t>(8, "uint16");
}

TEST_CASE("reading crosses document borders and never leaves the file") {
  const TemporaryDirectory directory;
  two_documents().write(directory / "data");
  const IndexedDataset dataset(directory / "data");
  CHECK(tokens_of(dataset, 1, 4) == std::vector<int64_t>{11, 12, 13, 14});
  CHECK(tokens_of(dataset, 5, 0).empty());
  CHECK_THROWS_AS(tokens_of(dataset, 2, 4), std::out_of_range);
  CHECK_THROWS_AS(tokens_of(dataset, -1, 1), std::out_of_range);
  CHECK_THROWS_AS(tokens_of(dataset, std::numeric_limits<int64_t>::max(), 1), std::out_of_range);
}

TEST_CASE("a document may be several sequences, one, or none") {
  DatasetFiles files = two_documents();
  files.documents = {0, 0, 2};
  const TemporaryDirectory directory;
  files.write(directory / "data");
  const IndexedDataset dataset(directory / "data");
  CHECK(dataset.sequences() == 2);
  CHECK(dataset.document_tokens(0) == 0);
  CHECK(dataset.document_tokens(1) == 5);
}

TEST_CASE("an empty dataset is a dataset") { CHECK(complaint_about(DatasetFiles{}) == ""); }

TEST_CASE("a missing file is named") {
  const TemporaryDirectory directory;
  for (const std::string suffix : {".idx", ".bin"}) {
    two_documents().write(directory / "data");
    std::filesystem::remove(directory / ("data" + suffix));
    try {
      const IndexedDataset dataset(directory / "data");
      FAIL("a dataset without " << suffix << " was opened");
    } catch (const Error& error) {
      CHECK(error.code() == Exit::preflight);
      CHECK(contains(error.what(), "data" + suffix + "': No such file"));
    }
  }
}

TEST_CASE("a file of the dataset, its text or its directory in the place of its prefix is told apart") {
  const TemporaryDirectory directory;
  two_documents().write(directory / "data");
  std::ofstream(directory / "book.txt") << "text";
  const auto told = [&](const std::string& prefix) {
    try {
      const IndexedDataset dataset(prefix);
    } catch (const Error& error) {
      CHECK(error.code() == Exit::preflight);
      return fmt::format("{} / {}", error.what(), error.complaints()[0].hint);
    }
    return std::string("taken");
  };
  for (const std::string suffix : {".idx", ".bin"})
    CHECK(contains(told(directory / ("data" + suffix)), "not the prefix of both / leave the suffix out: " + (directory / "data")));
  CHECK(contains(
      told(directory / "book.txt"),
      fmt::format("is a file, not the prefix of a dataset / llmrun data prepare '{0}.txt' --out '{0}' makes", directory / "book")));
  CHECK(contains(told(directory.path().string()), "is a directory, not the prefix of a dataset"));
  two_documents().write(directory / "data.bin");
  CHECK(IndexedDataset(directory / "data.bin").documents() == 2);
}

TEST_CASE("an index or data file that lies is refused with what was expected") {
  struct Row {
    const char* expected;
    std::function<void(DatasetFiles&)> lie;
  };
  const int64_t huge = std::numeric_limits<int64_t>::max();
  const std::vector<Row> rows{
      {"version 1 expected, the file says 2", [](auto& f) { f.version = 2; }},
      {"dtype code 7", [](auto& f) { f.code = 7; }},
      {"dtype code 0", [](auto& f) { f.code = 0; }},
      {"90 bytes expected for 2 sequences and 4 document marks, the file has 82", [](auto& f) { f.documents_claimed = 4; }},
      {"94 bytes expected for 3 sequences", [](auto& f) { f.sequences_claimed = 3; }},
      {"cannot fit", [=](auto& f) { f.sequences_claimed = huge; }},
      {"cannot fit", [=](auto& f) { f.documents_claimed = huge; }},
      {"document index is empty", [](auto& f) { f.documents.clear(); }},
      {"sequence 1 has the negative length -2", [](auto& f) { f.lengths[1] = -2; }},
      {"sequence 1 begins at byte 8 of the .bin, byte 6 expected", [](auto& f) { f.pointers[1] = 8; }},
      {"sequence 0 begins at byte -2", [](auto& f) { f.pointers[0] = -2; }},
      {"sequence 1 begins at byte 6 of the .bin, byte 10 expected", [](auto& f) { f.lengths[0] = 5; }},
      {"10 bytes expected from", [](auto& f) { f.data.pop_back(); }},
      {"the file has 12", [](auto& f) { f.data += "xx"; }},
      {"10 bytes expected from", [](auto& f) { f.data.clear(); }},
      {"document 0 begins at sequence 1", [](auto& f) { f.documents[0] = 1; }},
      {"document 1 begins at sequence -1", [](auto& f) { f.documents[1] = -1; }},
      {"document 1 begins at sequence 3, after 0 and of 2", [](auto& f) { f.documents[1] = 3; }},
      {"document 2 begins at sequence 0, after 1", [](auto& f) { f.documents[2] = 0; }},
      {"documents end at sequence 1, there are 2", [](auto& f) { f.documents[2] = 1; }},
  };
  for (const Row& row : rows) {
    DatasetFiles files = two_documents();
    row.lie(files);
    const std::string complaint = complaint_about(files);
    CAPTURE(row.expected);
    CAPTURE(complaint);
    CHECK(contains(complaint, row.expected));
  }
}

TEST_CASE("an index cut at any byte is refused") {
  const std::string whole = two_documents().index();
  const TemporaryDirectory directory;
  two_documents().write(directory / "data");
  for (size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    std::ofstream(directory / "data.idx", std::ios::binary | std::ios::trunc) << whole.substr(0, size);
    CHECK_THROWS_AS(IndexedDataset(directory / "data"), Error);
  }
}

TEST_CASE("a directory in the place of a file is refused") {
  const TemporaryDirectory directory;
  two_documents().write(directory / "data");
  std::filesystem::remove(directory / "data.bin");
  std::filesystem::create_directory(directory / "data.bin");
  CHECK_THROWS_WITH_AS(IndexedDataset(directory / "data"), doctest::Contains("not a regular file"), Error);
}

}  // namespace llmrun
