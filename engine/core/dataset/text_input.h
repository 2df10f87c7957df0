#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/dataset/mapped_file.h"

namespace llmrun {

enum class TextFormat { text, jsonl };  // a document a file, or a document a line

/// One file to be tokenised, as it was when it was found.
struct TextInput {
  std::string path;    // what is recorded
  std::string stored;  // where the bytes are: the path, but for standard input
  TextFormat format = TextFormat::text;
  int64_t bytes = 0;
  int64_t modified_ns = 0;  // 0 for standard input
};

/// The files behind what the user named: files as they are, directories walked (sorted by path, hidden entries left out). A name ending in
/// .jsonl or .ndjson is JSONL, all else is text, unless `format` says so for all. Empty files are left out: they hold no document.
/// Throws Error(Exit::preflight) for what is missing, compressed, or no regular file.
std::vector<TextInput> find_inputs(const std::vector<std::string>& paths, std::optional<TextFormat> format);
/// The input that is recorded as `path` and stored in the file `stored`.
TextInput inspect_input(const std::string& path, const std::string& stored, TextFormat format);

/// An input cut into chunks of about kChunk bytes. Where the cuts fall is a function of the file's bytes alone, so it does not matter who
/// tokenises which chunk, or when: text is cut after a newline (where a chunk has none, before a character), JSONL always after a newline.
class ChunkedText {
 public:
  static constexpr int64_t kChunk = 1 << 20;
  static int64_t chunks(const TextInput& input) { return (input.bytes + kChunk - 1) / kChunk; }

  /// Throws Error(Exit::preflight) where the file is not the size it was when it was found.
  explicit ChunkedText(const TextInput& input);

  /// May be empty (a line longer than a chunk). REQUIRES 0 <= index < chunks(input).
  std::string_view chunk(int64_t index) const;

  /// Calls `use(text, ends_document)` for each piece of a document in the chunk, in order; a byte order mark at the start of the file is
  /// no part of it. `key` names the text in a JSONL object.
  /// Throws Error(Exit::preflight) at file:line on ill-formed UTF-8 and on a line that is not an object with a string under `key`; blank
  /// lines and empty strings are no documents.
  void for_each_document(int64_t index, const std::string& key, const std::function<void(std::string_view, bool)>& use) const;

 private:
  int64_t cut(int64_t index) const;
  std::string document_of(std::string_view line, const std::string& key) const;
  int line_of(const char* where) const;

  const TextInput& input_;
  MappedFile file_;
  std::string_view text_;
};

}  // namespace llmrun
