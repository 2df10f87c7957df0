#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/core/dataset/token_type.h"

namespace llmrun {

/// How far a dataset has been written: everything that must be known to go on.
struct WriterState {
  int64_t chunks = 0;  // of the input, already in the files
  int64_t tokens = 0;
  int64_t sequences = 0;
  int64_t documents = 0;
  int64_t open_sequence = 0;  // tokens of the document that is not finished yet, in its last sequence
  int64_t open_document = 0;  // tokens of the document that is not finished yet, in all
  int64_t largest_id = -1;
  uint64_t open_hash = 0;  // of the input that is not finished yet
  int64_t inputs = 0;      // finished, with their hashes written
};

/// Writes a Megatron dataset in order, so that it can be killed at any byte and go on. In the folder PREFIX.part grow
///   tokens     what becomes PREFIX.bin
///   lengths    int32, one a sequence
///   marks      int64, for each document the sequence after its last
///   hashes     uint64, one an input file
/// and `state.json` says, by an atomic rename, how much of them counts; bytes beyond are from an interrupted attempt and are cut off.
class DatasetWriter {
 public:
  /// Begins at `state`; a fresh one starts the files anew. REQUIRES that `folder` exists. Throws Error(Exit::failed) where a write fails,
  /// here and below.
  DatasetWriter(const std::string& folder, TokenType type, const WriterState& state);

  /// True where the files in `folder` hold at least what `state` counts.
  static bool can_continue(const std::string& folder, TokenType type, const WriterState& state);

  const WriterState& state() const { return state_; }

  /// Tokens as they are stored, all of the document that is open.
  void append(std::string_view stored, int64_t tokens);
  /// Ends the open document. One without tokens leaves no trace.
  void end_document();
  /// A chunk of the input is in. `hash` is of its bytes; `ends_input` closes the input's own hash.
  void end_chunk(uint64_t hash, bool ends_input, int64_t largest_id);

  /// Brings everything to the disk, so that a state saved after this call may be relied on.
  void flush();

  /// Writes PREFIX.bin and PREFIX.idx by rename. The writer is of no use afterwards.
  void finish(const std::string& prefix);

  /// The hashes of the inputs, in order. REQUIRES flush().
  std::vector<uint64_t> input_hashes() const;

 private:
  /// A file that only grows, with a buffer of a few MiB.
  class Stream {
   public:
    /// Keeps the first `bytes` bytes of the file, cuts off the rest, and appends from there.
    Stream(const std::string& folder, const char* name, int64_t bytes);
    ~Stream();
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
    const std::string& path() const { return path_; }
    void write(std::string_view bytes);
    void sync();

   private:
    void write_now(std::string_view bytes);

    std::string path_;
    int descriptor_;
    std::string buffer_;
  };
  void end_sequence();
  std::string write_index() const;

  std::string folder_;
  TokenType type_;
  WriterState state_;
  Stream tokens_, lengths_, marks_, hashes_;
};

}  // namespace llmrun
