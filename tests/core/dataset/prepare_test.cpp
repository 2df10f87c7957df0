#include "engine/core/dataset/prepare.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "engine/core/dataset/indexed_dataset.h"
#include "engine/core/dataset/inspect.h"
#include "engine/core/dataset/tokenizer.h"
#include "engine/core/error.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test.h"

namespace llmrun {
namespace fs = std::filesystem;
namespace {

const std::string kGolden = LLMRUN_SOURCE_DIR "/tests/golden/gpt2-tiny/tokens";

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

void write(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

void silent(const PrepareProgress&) {}

/// The text of the golden tokens: 20,481 bytes of Genesis.
std::string genesis() {
  const IndexedDataset dataset(kGolden);
  std::vector<int64_t> tokens(dataset.tokens());
  dataset.read(0, tokens);
  return open_tokenizer("bytes")->decode(tokens);
}

/// Several MiB in three files: a text of many lines, JSONL, a text without a newline.
std::vector<std::string> write_inputs(const TemporaryDirectory& directory) {
  const std::string text = genesis();
  std::string lines, jsonl, one_line;
  for (int copy = 0; copy < 150; ++copy) lines += text;
  for (int copy = 0; copy < 4000; ++copy)
    jsonl += "{\"text\": \"verse " + std::to_string(copy) + "\\n" + std::string(copy % 500, 'v') + "\"}\n";
  for (int copy = 0; copy < 400000; ++copy) one_line += "\xE2\x82\xAC";
  write(directory / "a.txt", lines);
  write(directory / "b.jsonl", jsonl);
  write(directory / "c.txt", one_line);
  return {directory / "a.txt", directory / "b.jsonl", directory / "c.txt"};
}

/// All files of a dataset, for comparing.
std::vector<std::string> contents(const std::string& prefix) {
  return {read(prefix + ".bin"), read(prefix + ".idx"), fs::exists(prefix + ".model") ? read(prefix + ".model") : ""};
}

/// Runs `prepare` in a child that kills itself with SIGKILL after `chunks` chunks. True when it died of that.
bool killed_after(int chunks, const PrepareOptions& options) {
  const pid_t child = ::fork();
  if (child == 0) {
    int done = 0;
    try {
      prepare(options, [&](const PrepareProgress& progress) {
        if (progress.stage == PrepareProgress::Stage::tokenising && ++done == chunks) ::kill(::getpid(), SIGKILL);
      });
    } catch (...) {
      ::_exit(2);
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

}  // namespace

TEST_CASE("the golden text, cut as the golden documents are, becomes the golden files byte for byte") {
  const TemporaryDirectory directory;
  const std::string text = genesis();
  std::vector<std::string> inputs;
  for (size_t begin = 0; begin < text.size(); begin += 4096) {
    inputs.push_back(directory / ("part-" + std::to_string(begin / 4096)));
    write(inputs.back(), text.substr(begin, 4096));
  }
  const PrepareResult result = prepare({.inputs = inputs, .prefix = directory / "out"}, silent);
  CHECK(read(directory / "out.bin") == read(kGolden + ".bin"));
  CHECK(read(directory / "out.idx") == read(kGolden + ".idx"));
  CHECK(result.card.documents == 6);
  CHECK(result.card.tokens == 20481);
  CHECK(read_card(directory / "out") == result.card);
  CHECK(!fs::exists(directory / "out.part"));
}

TEST_CASE("text, JSONL and a long line give the same bytes with one worker and with many") {
  const TemporaryDirectory directory;
  const auto inputs = write_inputs(directory);
  prepare({.inputs = inputs, .prefix = directory / "one", .workers = 1}, silent);
  prepare({.inputs = inputs, .prefix = directory / "many", .workers = 5}, silent);
  CHECK(contents(directory / "one") == contents(directory / "many"));
  const DatasetSummary summary = summarise(directory / "one");
  CHECK(summary.documents == 4002);
  CHECK(summary.tokens == summary.card->tokens);
  CHECK(std::accumulate(summary.documents_by_length.begin(), summary.documents_by_length.end(), int64_t{0}) == 4002);
  CHECK(verify(directory / "one", std::nullopt) == 0xE2);
}

TEST_CASE("killed after any chunk and run again, the bytes are those of a run that was never killed") {
  const TemporaryDirectory directory;
  const auto inputs = write_inputs(directory);
  for (const std::string tokenizer : {"bytes", "spm-train:400"}) {
    CAPTURE(tokenizer);
    fs::create_directory(directory / tokenizer);
    prepare({.inputs = inputs, .prefix = directory / (tokenizer + "/whole"), .tokenizer = tokenizer, .workers = 2}, silent);
    const auto expected = contents(directory / (tokenizer + "/whole"));
    for (const int chunks : tokenizer == "bytes" ? std::vector{1, 2, 3, 4, 5, 6} : std::vector{4}) {
      CAPTURE(chunks);
      PrepareOptions options{.inputs = inputs, .prefix = directory / (tokenizer + "/cut" + std::to_string(chunks)), .tokenizer = tokenizer};
      options.workers = 2;
      options.save_interval = std::chrono::milliseconds(0);
      CHECK(killed_after(chunks, options));
      CHECK(!fs::exists(options.prefix + ".bin"));
      const PrepareResult result = prepare(options, silent);
      CHECK(result.resumed_bytes > 0);
      CHECK(contents(options.prefix) == expected);
      CHECK(!fs::exists(options.prefix + ".part"));
    }
  }
}

TEST_CASE("killed again and again, each time one chunk further, it still arrives at the same bytes") {
  const TemporaryDirectory directory;
  const auto inputs = write_inputs(directory);
  prepare({.inputs = inputs, .prefix = directory / "whole"}, silent);
  PrepareOptions options{.inputs = inputs, .prefix = directory / "cut", .workers = 2, .save_interval = std::chrono::milliseconds(0)};
  int kills = 0;
  while (killed_after(1, options)) ++kills;
  CHECK(kills >= 6);
  CHECK(contents(directory / "cut") == contents(directory / "whole"));
}

TEST_CASE("bytes beyond the saved state are cut off, and a lost part begins the work anew") {
  const TemporaryDirectory directory;
  const auto inputs = write_inputs(directory);
  prepare({.inputs = inputs, .prefix = directory / "whole"}, silent);
  PrepareOptions options{.inputs = inputs, .prefix = directory / "cut", .workers = 1, .save_interval = std::chrono::milliseconds(0)};
  for (const char* damaged : {"tokens", "lengths", "marks", "hashes"}) {
    CAPTURE(damaged);
    fs::remove(directory / "cut.json");
    fs::remove(directory / "cut.bin");
    fs::remove(directory / "cut.idx");
    CHECK(killed_after(5, options));
    std::ofstream(directory / (std::string("cut.part/") + damaged), std::ios::app) << "garbage of a write that was not counted";
    CHECK(prepare(options, silent).resumed_bytes > 0);
    CHECK(contents(directory / "cut") == contents(directory / "whole"));

    fs::remove(directory / "cut.json");
    fs::remove(directory / "cut.bin");
    fs::remove(directory / "cut.idx");
    CHECK(killed_after(5, options));
    fs::remove(directory / (std::string("cut.part/") + damaged));
    CHECK(prepare(options, silent).resumed_bytes == 0);
    CHECK(contents(directory / "cut") == contents(directory / "whole"));
  }
}

TEST_CASE("an interrupted work does not go on with other inputs or options") {
  const TemporaryDirectory directory;
  auto inputs = write_inputs(directory);
  PrepareOptions options{.inputs = inputs, .prefix = directory / "cut", .workers = 1, .save_interval = std::chrono::milliseconds(0)};
  CHECK(killed_after(2, options));
  std::swap(options.inputs[0], options.inputs[1]);
  CHECK(prepare(options, silent).resumed_bytes == 0);
}

TEST_CASE("an interrupted work does not go on with the parts of another one that was begun over it") {
  const TemporaryDirectory directory;
  const auto inputs = write_inputs(directory);
  prepare({.inputs = inputs, .prefix = directory / "whole"}, silent);
  const std::chrono::milliseconds at_once(0), never(1000000);
  PrepareOptions options{.inputs = inputs, .prefix = directory / "cut", .workers = 1, .save_interval = at_once};
  CHECK(killed_after(2, options));
  PrepareOptions other{.inputs = {inputs[2], inputs[1], inputs[0]}, .prefix = options.prefix, .workers = 1, .save_interval = never};
  CHECK(killed_after(6, other));
  prepare(options, silent);
  CHECK(contents(directory / "cut") == contents(directory / "whole"));
}

TEST_CASE("a complete dataset is not made twice, and not replaced unasked") {
  const TemporaryDirectory directory;
  write(directory / "a.txt", "In the beginning\n");
  PrepareOptions options{.inputs = {directory / "a.txt"}, .prefix = directory / "out"};
  CHECK(!prepare(options, silent).was_complete);
  CHECK(prepare(options, silent).was_complete);
  write(directory / "a.txt", "In the beginning\n");  // another time, the same bytes
  CHECK(prepare(options, silent).was_complete);
  CHECK(!fs::exists(directory / "out.part"));

  write(directory / "a.txt", "In the beginning!\n");
  CHECK_THROWS_WITH_AS(prepare(options, silent), doctest::Contains("from other inputs"), Error);
  CHECK(read(directory / "out.bin").size() == 2 * 17);
  options.overwrite = true;
  CHECK(prepare(options, silent).card.tokens == 18);
  options.overwrite = false;
  options.jsonl_key = "body";
  CHECK_THROWS_WITH_AS(prepare(options, silent), doctest::Contains("with other options"), Error);
  fs::remove(directory / "out.json");
  CHECK_THROWS_WITH_AS(prepare(options, silent), doctest::Contains("by another tool"), Error);
  CHECK(!fs::exists(directory / "out.part"));
}

TEST_CASE("a SentencePiece dataset brings its model, ends its documents, and reads back as the text") {
  const TemporaryDirectory directory;
  write(directory / "a.txt", genesis());
  write(directory / "b.txt", "And there was light.\n\n  And more.");
  fs::create_directory(directory / "data");
  prepare({.inputs = {directory / "a.txt", directory / "b.txt"}, .prefix = directory / "data/out", .tokenizer = "spm-train:500"}, silent);
  fs::rename(directory / "data", directory / "moved");
  const std::string prefix = directory / "moved/out";
  const auto card = read_card(prefix);
  REQUIRE(card);
  CHECK(card->vocab == 500);
  CHECK(card->largest_id < 500);
  const auto tokenizer = open_tokenizer(tokenizer_of(*card, prefix));
  const IndexedDataset dataset(prefix);
  std::vector<int64_t> tokens(dataset.tokens());
  dataset.read(0, tokens);
  CHECK(tokenizer->decode(tokens) == genesis() + "And there was light.\n\n  And more.");
  CHECK(tokens.back() == *tokenizer->document_end());
  CHECK(tokens[dataset.document_tokens(0) - 1] == *tokenizer->document_end());
  CHECK(dataset.tokens() < 12000);

  prepare({.inputs = {directory / "a.txt", directory / "b.txt"}, .prefix = directory / "again", .tokenizer = "spm:" + prefix + ".model"},
          silent);
  CHECK(contents(directory / "again") == contents(prefix));
}

TEST_CASE("bad input leaves no dataset behind and says where it is bad") {
  const TemporaryDirectory directory;
  write(directory / "empty.txt", "");
  write(directory / "blank.jsonl", "\n\n{\"text\": \"\"}\n");
  write(directory / "bad.jsonl", "{\"text\": \"a\"}\n{]\n");
  const auto refuse = [&](PrepareOptions options, Exit code, const char* complaint) {
    options.prefix = directory / "out";
    CAPTURE(complaint);
    try {
      prepare(options, silent);
      FAIL("prepared");
    } catch (const Error& error) {
      CHECK(error.code() == code);
      CHECK(std::string(error.what()).find(complaint) != std::string::npos);
    }
    CHECK(!fs::exists(directory / "out.bin"));
    CHECK(!fs::exists(directory / "out.json"));
  };
  refuse({.inputs = {directory / "empty.txt"}}, Exit::preflight, "the input is empty");
  refuse({.inputs = {directory / "blank.jsonl"}}, Exit::preflight, "holds no document");
  refuse({.inputs = {directory / "bad.jsonl"}}, Exit::preflight, "is not JSON");
  refuse({.inputs = {directory / "none"}}, Exit::preflight, "No such file");
  refuse({.inputs = {directory.path().string()}}, Exit::preflight, "lies inside the input");
  refuse({.inputs = {directory / "bad.jsonl"}, .tokenizer = "words"}, Exit::usage, "unknown tokenizer");
  refuse({.inputs = {directory / "bad.jsonl"}, .tokenizer = "spm-train:12"}, Exit::usage, "300");
  refuse({.inputs = {"-", "-"}}, Exit::usage, "named twice");
}

TEST_CASE("a directory is no prefix: nothing is hidden in it behind a dot") {
  const TemporaryDirectory directory;
  write(directory / "a.txt", "text\n");
  for (const char* prefix : {"", "/", "/.", "/.."}) {
    CAPTURE(prefix);
    const std::string out = *prefix ? directory.path().string() + prefix : prefix;
    CHECK_THROWS_WITH_AS(prepare({.inputs = {directory / "a.txt"}, .prefix = out}, silent), doctest::Contains("is a directory"), Error);
  }
  CHECK(!fs::exists(directory / ".part"));
}

TEST_CASE("a second prepare of the same dataset is kept out while the first one works") {
  const TemporaryDirectory directory;
  const PrepareOptions options{.inputs = write_inputs(directory), .prefix = directory / "out"};
  bool tried = false;
  prepare(options, [&](const PrepareProgress&) {
    if (std::exchange(tried, true)) return;
    CHECK_THROWS_WITH_AS(prepare(options, silent), doctest::Contains("another process"), Error);
  });
  CHECK(tried);
}

TEST_CASE("a prepare that was killed a moment ago, and still holds its lock, is waited for") {
  const TemporaryDirectory directory;
  fs::create_directories(directory / "out.part");
  const int lock = ::open((directory / "out.part/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  REQUIRE(::flock(lock, LOCK_EX) == 0);
  std::thread dying([lock] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    ::close(lock);
  });
  prepare({.inputs = write_inputs(directory), .prefix = directory / "out"}, silent);
  dying.join();
  CHECK(IndexedDataset(directory / "out").tokens() > 0);
}

TEST_CASE("a write that fails says so and loses nothing") {
  const TemporaryDirectory directory;
  const PrepareOptions options{
      .inputs = write_inputs(directory), .prefix = directory / "out", .workers = 2, .save_interval = std::chrono::milliseconds(0)};
  prepare({.inputs = options.inputs, .prefix = directory / "whole"}, silent);
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);  // a file larger than the limit fails with EFBIG, as a full disk does with ENOSPC
    const rlimit limit{3 << 20, 3 << 20};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    try {
      prepare(options, silent);
    } catch (const Error& error) {
      ::_exit(static_cast<int>(error.code()));
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == static_cast<int>(Exit::failed));
  CHECK(prepare(options, silent).resumed_bytes > 0);
  CHECK(contents(directory / "out") == contents(directory / "whole"));
}

TEST_CASE("verify finds ids outside the vocabulary and a card of another dataset") {
  const TemporaryDirectory directory;
  write(directory / "a.txt", "abcz");
  write(directory / "b.txt", "longer than the other");
  prepare({.inputs = {directory / "a.txt"}, .prefix = directory / "a"}, silent);
  prepare({.inputs = {directory / "b.txt"}, .prefix = directory / "b"}, silent);
  CHECK(verify(directory / "a", std::nullopt) == 'z');
  CHECK_THROWS_WITH_AS(verify(directory / "a", 'z'), doctest::Contains("1 tokens of"), Error);
  fs::copy_file(directory / "b.json", directory / "a.json", fs::copy_options::overwrite_existing);
  CHECK_THROWS_WITH_AS(verify(directory / "a", std::nullopt), doctest::Contains("says 21 tokens, the files hold 4"), Error);
}

}  // namespace llmrun
