#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>

namespace llmrun {

/// A file that is being written, front to back. Destroying it without close() gives the file up.
class OutputFile {
 public:
  virtual ~OutputFile() = default;
  virtual void write(const void* bytes, int64_t size) = 0;
  virtual void sync() = 0;   // on the disk, not only in the page cache
  virtual void close() = 0;  // some file systems tell only here that the bytes did not fit
};

/// Everything a save does to the file system, so that a test can fail or stop it at any boundary (as in leveldb's fault_injection_test).
/// Every failure is a std::filesystem::filesystem_error with the path and the errno. Threads may share one.
class Storage {
 public:
  virtual ~Storage() = default;
  virtual std::unique_ptr<OutputFile> create(const std::filesystem::path& path) = 0;  // the file must not exist
  virtual void make_directory(const std::filesystem::path& path) = 0;                 // parents too; may exist
  virtual void rename(const std::filesystem::path& from, const std::filesystem::path& to) = 0;
  virtual void sync_directory(const std::filesystem::path& path) = 0;  // makes names in it durable
  virtual void remove(const std::filesystem::path& path) = 0;          // and all below it; may be absent
};

/// The machine's own file system.
Storage& disk();

}  // namespace llmrun
