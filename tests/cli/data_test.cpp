#include <nlohmann/json.hpp>

#include "tests/cli/command.h"
#include "tests/support/test.h"

using namespace llmrun;
using nlohmann::json;

TEST_CASE("data prepare, inspect and verify agree about a text") {
  const CommandLine shell;
  shell.write("book.txt", "In the beginning\n");
  shell.write("more.jsonl", "{\"text\": \"and\"}\n{\"text\": \"so on\"}\n");
  const Outcome prepared = shell("llmrun data prepare book.txt more.jsonl --out book");
  CHECK(prepared.exit == 0);
  CHECK(prepared.out == "book: 3 documents, 25 tokens, 256 ids\n");
  CHECK(prepared.err.find('\r') == std::string::npos);  // no terminal, no line that is written over

  const json inspected = json::parse(shell("llmrun data inspect book --json").out);
  CHECK(inspected["documents"] == 3);
  CHECK(inspected["tokens"] == 25);
  CHECK(inspected["dtype"] == "uint16");
  CHECK(inspected["tokenizer"] == "bytes");
  CHECK(inspected["first_text"] == "In the beginning\nandso on");
  CHECK(shell("llmrun data verify book").out == "book: 3 documents and 25 tokens are whole, the largest id is 116\n");

  const Outcome again = shell("llmrun data prepare book.txt more.jsonl --out book --json");
  CHECK(again.exit == 0);
  CHECK(json::parse(again.out)["was_complete"] == true);
}

TEST_CASE("text comes in by a pipe too, and a SentencePiece vocabulary is trained on the way") {
  const CommandLine shell;
  const Outcome prepared = shell(
      "for i in 1 2 3 4 5 6 7 8 9; do echo \"verse $i of the book of verses\"; done | "
      "llmrun data prepare - --out piped --tokenizer spm-train:300");
  CHECK(prepared.exit == 0);
  const json inspected = json::parse(shell("llmrun data inspect piped --json").out);
  CHECK(inspected["vocab"] == 300);
  CHECK(inspected["tokenizer"] == "spm:piped.model");
  CHECK(inspected["first_text"].get<std::string>().starts_with("verse 1 of the book of verses\nverse 2"));
}

TEST_CASE("what a dataset says cannot move the cursor of the terminal") {
  const CommandLine shell;
  shell.write("evil.txt", "one\x1b[2Jtwo\nthree\a");
  CHECK(shell("llmrun data prepare evil.txt --out evil").exit == 0);
  const Outcome inspected = shell("llmrun data inspect evil");
  CHECK(inspected.out.find("begins     one\\x1b[2Jtwo\\nthree\\x07\n") != std::string::npos);
}

TEST_CASE("a bad line stops data prepare with exit 5, its file and its line") {
  const CommandLine shell;
  shell.write("bad.jsonl", "{\"text\": \"fine\"}\n{\"text\": 1}\n");
  const Outcome outcome = shell("llmrun data prepare bad.jsonl --out bad");
  CHECK(outcome.exit == 5);
  CHECK(outcome.err.find("--> bad.jsonl:2") != std::string::npos);
  CHECK(outcome.err.find("hint: ") != std::string::npos);
  CHECK(!std::filesystem::exists(shell.path("bad.part")));
}

TEST_CASE("a dataset that is not there is exit 5, also as JSON") {
  const CommandLine shell;
  const Outcome outcome = shell("llmrun data inspect none --json");
  CHECK(outcome.exit == 5);
  CHECK(json::parse(outcome.out).is_object());
  CHECK(outcome.err.find("'none.idx'") != std::string::npos);
}
