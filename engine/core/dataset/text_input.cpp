#include "engine/core/dataset/text_input.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "engine/core/dataset/utf8.h"
#include "engine/core/json.h"

namespace llmrun {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";  // of a Windows editor; no text

TextFormat format_of(const fs::path& path) {
  const std::string suffix = path.extension().string();
  for (const char* packed : {".gz", ".xz", ".zst", ".bz2", ".zip"}) {
    if (suffix == packed) {
      throw std::move(Error(Exit::preflight, "'{}' is compressed", path.string())
                          .hint("unpack it first, or pipe it: zcat {} | llmrun data prepare - --out PREFIX", path.string()));
    }
  }
  return suffix == ".jsonl" || suffix == ".ndjson" ? TextFormat::jsonl : TextFormat::text;
}

std::vector<fs::path> files_in(const fs::path& directory) try {
  std::vector<fs::path> files;
  for (auto entry = fs::recursive_directory_iterator(directory); entry != fs::recursive_directory_iterator(); ++entry) {
    if (entry->path().filename().string().starts_with(".")) {
      if (entry->is_directory()) entry.disable_recursion_pending();
    } else if (entry->is_regular_file()) {
      files.push_back(entry->path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
} catch (const fs::filesystem_error& error) {
  throw std::move(Error(Exit::preflight, "cannot read the directory '{}': {}", error.path1().string(), error.code().message())
                      .hint("ls -ld '{}'", error.path1().string()));
}

}  // namespace

TextInput inspect_input(const std::string& path, const std::string& stored, TextFormat format) {
  struct stat status {};
  if (::stat(stored.c_str(), &status) != 0) {
    throw std::move(Error(Exit::preflight, "cannot read '{}': {}", path, std::strerror(errno)).hint("ls -l '{}'", path));
  }
  if (!S_ISREG(status.st_mode)) {
    throw std::move(Error(Exit::preflight, "cannot read '{}': neither a file nor a directory", path)
                        .hint("standard input is written -, as in: cat '{}' | llmrun data prepare - --out PREFIX", path));
  }
  return {path, stored, format, status.st_size, status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec};
}

std::vector<TextInput> find_inputs(const std::vector<std::string>& paths, std::optional<TextFormat> format) {
  std::vector<TextInput> inputs;
  for (const std::string& path : paths) {
    const std::vector<fs::path> files = fs::is_directory(path) ? files_in(path) : std::vector<fs::path>{path};
    for (const fs::path& file : files) {
      inputs.push_back(inspect_input(file.string(), file.string(), format.value_or(format_of(file))));
      if (inputs.back().bytes == 0) inputs.pop_back();
    }
  }
  return inputs;
}

ChunkedText::ChunkedText(const TextInput& input) : input_(input), file_(input.stored) {
  text_ = {reinterpret_cast<const char*>(file_.bytes().data()), file_.bytes().size()};
  if (static_cast<int64_t>(text_.size()) != input.bytes) {
    throw std::move(
        Error(Exit::preflight, "'{}' changed while it was read: {} bytes expected, it has {}", input.path, input.bytes, text_.size())
            .hint("run the same command again when the file is complete"));
  }
}

std::string_view ChunkedText::chunk(int64_t index) const {
  const int64_t begin = cut(index);
  return text_.substr(begin, cut(index + 1) - begin);
}

int64_t ChunkedText::cut(int64_t index) const {
  const int64_t nominal = index * kChunk;
  if (index == 0 || nominal >= input_.bytes) return std::min(nominal, input_.bytes);
  const bool jsonl = input_.format == TextFormat::jsonl;
  const std::string_view window = jsonl ? text_.substr(nominal - 1) : text_.substr(nominal - 1, kChunk);
  if (const size_t newline = window.find('\n'); newline != std::string_view::npos) return nominal + static_cast<int64_t>(newline);
  if (jsonl) return input_.bytes;
  int64_t character = nominal;
  while (character > nominal - 4 && (static_cast<unsigned char>(text_[character]) & 0xC0) == 0x80) --character;
  return character;
}

void ChunkedText::for_each_document(int64_t index, const std::string& key, const std::function<void(std::string_view, bool)>& use) const {
  if (text_ == kByteOrderMark) return;  // as empty as a file of no bytes
  std::string_view rest = chunk(index);
  if (index == 0 && rest.starts_with(kByteOrderMark)) rest.remove_prefix(kByteOrderMark.size());
  if (input_.format == TextFormat::text) {
    if (const auto bad = invalid_utf8(rest)) {
      throw std::move(Error(Exit::preflight, "'{}' is not UTF-8 (byte {})", input_.path, rest.data() + *bad - text_.data())
                          .at({input_.path, line_of(rest.data() + *bad), 0})
                          .hint("iconv -f latin1 -t utf-8 converts the commonest other encoding"));
    }
    return use(rest, index + 1 == chunks(input_));
  }
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string document = document_of(line, key);
    if (!document.empty()) use(document, true);
  }
}

std::string ChunkedText::document_of(std::string_view line, const std::string& key) const {
  const auto refuse = [&](const std::string& why, const std::string& hint) -> Error {
    return std::move(
        Error(Exit::preflight, "'{}' has a line that {}", input_.path, why).at({input_.path, line_of(line.data()), 0}).hint("{}", hint));
  };
  try {
    json object = json::parse(line);
    const auto found = object.is_object() ? object.find(key) : object.end();
    if (!object.is_object() || found == object.end() || !found->is_string()) {
      throw refuse(fmt::format("is no object with a string under '{}'", key), "name the key that holds the text: --jsonl-key KEY");
    }
    return std::move(found->get_ref<std::string&>());
  } catch (const json::parse_error& error) {
    throw refuse(fmt::format("is not JSON (byte {} of the line)", error.byte), "JSONL holds one object a line, in UTF-8");
  }
}

int ChunkedText::line_of(const char* where) const { return 1 + static_cast<int>(std::count(text_.data(), where, '\n')); }

}  // namespace llmrun
