#pragma once
#include <string>
#include <string_view>

namespace llmrun {

/// A file without a name, in memory, gone with this object: for a child to write into, or to read a text that belongs in no directory.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view content = {});
  ~MemoryFile();
  MemoryFile(const MemoryFile&) = delete;

  int number() const { return file_; }  // close-on-exec
  std::string text() const;
  /// Where our other processes find it while this object lives.
  std::string path() const;

 private:
  int file_;
};

}  // namespace llmrun
