#pragma once
#include <cstddef>
#include <span>
#include <string>

namespace llmrun {

/// A file's bytes, read-only, as memory. Throws Error(Exit::preflight) where the file is missing, unreadable or not a regular file.
/// The bytes stay valid while the object lives, also when the path is replaced by a rename (not when the file is truncated in place).
class MappedFile {
 public:
  explicit MappedFile(std::string path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  const std::string& path() const { return path_; }
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::string path_;
  std::span<const std::byte> bytes_;
};

}  // namespace llmrun
