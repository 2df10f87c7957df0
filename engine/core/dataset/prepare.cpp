#include "engine/core/dataset/prepare.h"

#include <fcntl.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <thread>
#include <utility>

#include "engine/core/dataset/dataset_writer.h"
#include "engine/core/dataset/encode.h"
#include "engine/core/dataset/ordered_workers.h"
#include "engine/core/dataset/prepare_state.h"
#include "engine/core/dataset/tokenizer.h"
#include "engine/core/error.h"
#include "engine/core/file.h"
#include "engine/core/file_lock.h"
#include "engine/core/units.h"

namespace llmrun {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kTrain = "spm-train:";
constexpr std::string_view kSentencePiece = "spm:";
constexpr int64_t kMostTrainingChunks = 32;  // of 1 MiB: more text changes a vocabulary little and costs memory

constexpr const char* kMoreRoom = "df -h shows where there is more; --out takes a path on any file system";
constexpr std::chrono::seconds kDying{2};  // so long may one that was killed hold its lock

/// PREFIX.part, held by one process at a time.
class WorkFolder {
 public:
  explicit WorkFolder(const std::string& prefix) : path_(prefix + ".part") {
    std::error_code error;
    fs::create_directories(path_, error);
    lock_ = ::open((path_ / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (lock_ < 0) {
      throw std::move(Error(Exit::preflight, "cannot write to '{}': {}", path_.string(), std::strerror(errno))
                          .hint("--out names a file in a folder you may write to"));
    }
    if (!take_lock(lock_, kDying)) {
      ::close(lock_);
      throw std::move(Error(Exit::preflight, "'{}' is being prepared by another process", prefix)
                          .hint("wait for it (fuser {} names it), or choose another --out", (path_ / "lock").string()));
    }
  }
  /// A folder without saved work is of no use to anybody.
  ~WorkFolder() {
    if (!fs::exists(path_ / "state.json")) remove();
    ::close(lock_);
  }
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;

  std::string path() const { return path_.string(); }
  std::string operator/(const char* name) const { return (path_ / name).string(); }
  void remove() const {
    std::error_code ignored;  // what is left is found and removed by the next call
    fs::remove_all(path_, ignored);
  }

 private:
  fs::path path_;
  int lock_ = -1;
};

/// Standard input can be read once only, and workers need any part of it at any time: it becomes a file first.
TextInput spool_standard_input(const std::string& path, std::optional<TextFormat> format) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  if (std::cin.peek() != std::istream::traits_type::eof()) file << std::cin.rdbuf();
  file.close();
  if (!file) throw Error(Exit::failed, "cannot write '{}': {}", path, std::strerror(errno)).hint(kMoreRoom);
  TextInput input = inspect_input("-", path, format.value_or(TextFormat::text));
  input.modified_ns = 0;
  return input;
}

/// Is `path` the directory `directory`, or below it?
bool lies_in(const fs::path& path, const fs::path& directory) {
  const fs::path inner = fs::weakly_canonical(path), outer = fs::weakly_canonical(directory);
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

std::vector<TextInput> inputs_of(const PrepareOptions& options, const WorkFolder& folder) {
  if (std::count(options.inputs.begin(), options.inputs.end(), "-") > 1) {
    throw Error(Exit::usage, "standard input is named twice").hint("write - once");
  }
  std::vector<TextInput> inputs;
  for (const std::string& path : options.inputs) {
    if (fs::is_directory(path) && lies_in(folder.path(), path)) {
      throw std::move(Error(Exit::preflight, "the output '{}' lies inside the input '{}': it would be read as text", options.prefix, path)
                          .hint("name files instead of the directory, or another --out"));
    }
    if (path == "-") {
      inputs.push_back(spool_standard_input(folder / "stdin", options.format));
      if (inputs.back().bytes == 0) inputs.pop_back();
    } else {
      for (TextInput& input : find_inputs({path}, options.format)) inputs.push_back(std::move(input));
    }
  }
  if (inputs.empty()) {
    throw std::move(
        Error(Exit::preflight, "the input is empty: there is nothing to prepare").hint("llmrun data prepare FILE... --out PREFIX"));
  }
  return inputs;
}

/// The options that decide the bytes.
std::string settings_of(const PrepareOptions& options) {
  std::string settings = fmt::format("tokenizer={} key={} chunk={}", options.tokenizer, options.jsonl_key, ChunkedText::kChunk);
  if (options.tokenizer.starts_with(kTrain)) settings += fmt::format(" seed={}", options.seed);
  if (options.tokenizer.starts_with(kSentencePiece)) {
    const std::string model = read_file(options.tokenizer.substr(kSentencePiece.size()), Exit::preflight);
    settings = fmt::format("tokenizer=spm model={:016x} key={} chunk={}", XXH3_64bits(model.data(), model.size()), options.jsonl_key,
                           ChunkedText::kChunk);
  }
  return settings;
}

bool same_inputs(const DatasetCard& card, const std::vector<TextInput>& inputs) {
  if (card.sources.size() != inputs.size()) return false;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const DatasetInput& source = card.sources[i];
    if (source.path != inputs[i].path || source.bytes != inputs[i].bytes) return false;
    const bool untouched = inputs[i].modified_ns != 0 && source.modified_ns == inputs[i].modified_ns;
    if (!untouched && source.xxh3 != fmt::format("{:016x}", hash_of(inputs[i]))) return false;
  }
  return true;
}

/// The dataset at PREFIX when it is already what is asked for. Another one is only replaced when asked to.
std::optional<DatasetCard> complete_already(const PrepareOptions& options, const std::string& settings,
                                            const std::vector<TextInput>& inputs, bool interrupted) {
  const bool data_there = fs::exists(options.prefix + ".bin") || fs::exists(options.prefix + ".idx");
  if (!data_there || options.overwrite) return std::nullopt;
  auto card = read_card(options.prefix);
  if (!card && interrupted) return std::nullopt;  // killed between the last renames
  if (card && card->settings == settings && same_inputs(*card, inputs)) return card;
  throw std::move(Error(Exit::preflight, "'{}' holds a dataset that was made {}", options.prefix,
                        !card                        ? "by another tool"
                        : card->settings != settings ? "with other options"
                                                     : "from other inputs")
                      .hint("--overwrite replaces it, another --out keeps it"));
}

/// A lower bound of what will be written: bytes cannot be fewer, a SentencePiece token rarely stands for more than eight of them.
void check_room(const PrepareOptions& options, const InputChunks& chunks, int64_t written) {
  int64_t needed = 0;
  for (const TextInput& input : chunks.inputs()) {
    const int64_t at_least = options.tokenizer == "bytes" ? input.bytes : input.bytes / 8;
    needed += 2 * (input.format == TextFormat::text ? at_least : at_least / 2);
  }
  std::error_code unknown;
  const auto space = fs::space(options.prefix + ".part", unknown);
  if (unknown || static_cast<int64_t>(space.available) >= needed - written) return;
  throw std::move(Error(Exit::preflight, "no room for '{}': at least {} needed, {} free", options.prefix,
                        human_bytes(static_cast<double>(needed - written)), human_bytes(static_cast<double>(space.available)))
                      .hint(kMoreRoom));
}

/// Behind "data/" the files would be called .bin, .idx and .json, which nobody sees.
void check_prefix(const std::string& prefix) {
  const fs::path name = fs::path(prefix).filename();
  if (!name.empty() && name != "." && name != "..") return;
  throw Error(Exit::usage, "--out '{}' is a directory, and begins no file name", prefix)
      .hint("--out {} writes book.bin, book.idx and book.json", (fs::path(prefix) / "book").string());
}

int64_t vocabulary_size(const std::string& tokenizer) {
  const auto vocab = parse_integer(tokenizer.substr(kTrain.size()));
  if (vocab && *vocab >= 300 && *vocab <= 1'000'000) return *vocab;
  throw std::move(Error(Exit::usage, "cannot train a vocabulary: '{}' needs a number from 300 to 1000000", tokenizer)
                      .hint("--tokenizer spm-train:4096"));
}

/// Opens the tokenizer; a SentencePiece model is first put into the folder, from where it will move beside the dataset.
std::unique_ptr<Tokenizer> open_for(const PrepareOptions& options, const InputChunks& chunks, const WorkFolder& folder,
                                    const std::function<void(const PrepareProgress&)>& progress) {
  if (options.tokenizer.starts_with(kTrain)) {
    if (!fs::exists(folder / "model")) {
      progress({.stage = PrepareProgress::Stage::training, .total_bytes = chunks.bytes()});
      const auto lines = sample_lines(chunks, options.jsonl_key, options.seed, kMostTrainingChunks);
      write_file_atomically(folder / "model", train_sentencepiece(lines, vocabulary_size(options.tokenizer)));
    }
    return open_tokenizer(std::string(kSentencePiece) + (folder / "model"));
  }
  auto tokenizer = open_tokenizer(options.tokenizer);
  if (options.tokenizer.starts_with(kSentencePiece)) {
    write_file_atomically(folder / "model", read_file(options.tokenizer.substr(kSentencePiece.size()), Exit::preflight));
  }
  return tokenizer;
}

/// Encodes what is left and saves the state as it goes.
void encode_all(const PrepareOptions& options, const InputChunks& chunks, const Tokenizer& tokenizer, PrepareState& state,
                DatasetWriter& writer, const WorkFolder& folder, const std::function<void(const PrepareProgress&)>& progress) {
  const TokenType type = token_type_for_vocab(tokenizer.vocab());
  const int64_t begin = writer.state().chunks;
  const int workers = options.workers > 0 ? options.workers : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  const auto save = [&] {
    writer.flush();
    state.writer = writer.state();
    save_state(folder.path(), state);
  };
  auto saved = std::chrono::steady_clock::now();
  ordered_workers<EncodedChunk>(
      workers, begin, chunks.count(), [&](int64_t number) { return encode_chunk(chunks.at(number), tokenizer, type, options.jsonl_key); },
      [&](int64_t number, const EncodedChunk& chunk) {
        const std::string_view stored = chunk.stored;
        int64_t done = 0;
        for (const int64_t end : chunk.ends) {
          writer.append(stored.substr(done * token_bytes(type), (end - done) * token_bytes(type)), end - done);
          writer.end_document();
          done = end;
        }
        writer.append(stored.substr(done * token_bytes(type)), chunk.tokens - done);
        writer.end_chunk(chunk.hash, chunks.at(number).last, chunk.largest_id);
        if (std::chrono::steady_clock::now() - saved >= options.save_interval) {
          save();
          saved = std::chrono::steady_clock::now();
        }
        progress(
            {.done_bytes = chunks.bytes_before(number + 1), .total_bytes = chunks.bytes(), .resumed_bytes = chunks.bytes_before(begin)});
      });
  save();
}

DatasetCard card_of(const PrepareOptions& options, const std::string& settings, const InputChunks& chunks, const Tokenizer& tokenizer,
                    const DatasetWriter& writer) {
  const bool bytes = tokenizer.name() == "bytes";
  DatasetCard card{.tokenizer = bytes ? "bytes" : "spm:" + fs::path(options.prefix).filename().string() + ".model",
                   .vocab = tokenizer.vocab(),
                   .largest_id = writer.state().largest_id,
                   .document_end = tokenizer.document_end(),
                   .documents = writer.state().documents,
                   .tokens = writer.state().tokens,
                   .settings = settings,
                   .sources = {}};
  const std::vector<uint64_t> hashes = writer.input_hashes();
  for (size_t i = 0; i < hashes.size(); ++i) {
    const TextInput& input = chunks.inputs()[i];
    card.sources.push_back({input.path, input.bytes, input.modified_ns, fmt::format("{:016x}", hashes[i])});
  }
  return card;
}

/// The card goes first and comes last: a dataset with a card is complete and is the one the card describes.
void publish(const PrepareOptions& options, const DatasetCard& card, DatasetWriter& writer, const WorkFolder& folder) {
  fs::remove(options.prefix + ".json");
  writer.finish(options.prefix);
  if (fs::exists(folder / "model")) fs::rename(folder / "model", options.prefix + ".model");
  write_file_atomically(options.prefix + ".json", to_json(card));
  folder.remove();
}

}  // namespace

PrepareResult prepare(const PrepareOptions& options, const std::function<void(const PrepareProgress&)>& progress) {
  check_prefix(options.prefix);
  if (options.tokenizer.starts_with(kTrain)) vocabulary_size(options.tokenizer);
  const std::string settings = settings_of(options);
  const WorkFolder folder(options.prefix);
  const InputChunks chunks(inputs_of(options, folder));

  PrepareState state{settings, fingerprint(chunks.inputs()), {}};
  const auto interrupted = load_state(folder.path());
  if (auto card = complete_already(options, settings, chunks.inputs(), interrupted.has_value())) {
    folder.remove();
    return {std::move(*card), true, 0};
  }
  const bool same_work = interrupted && interrupted->settings == settings && interrupted->inputs == state.inputs;
  if (!same_work) {  // the old state must be gone before its files are written over
    fs::remove(folder / "state.json");
    fs::remove(folder / "model");
  }
  check_room(options, chunks, same_work ? 2 * interrupted->writer.tokens : 0);

  const std::unique_ptr<Tokenizer> tokenizer = open_for(options, chunks, folder, progress);
  const TokenType type = token_type_for_vocab(tokenizer->vocab());
  if (same_work && DatasetWriter::can_continue(folder.path(), type, interrupted->writer)) state.writer = interrupted->writer;
  const int64_t resumed_bytes = chunks.bytes_before(state.writer.chunks);

  DatasetWriter writer(folder.path(), type, state.writer);
  if (fs::exists(folder / "model")) save_state(folder.path(), state);  // a trained vocabulary need not be trained again
  encode_all(options, chunks, *tokenizer, state, writer, folder, progress);
  if (writer.state().documents == 0) {
    folder.remove();
    throw std::move(
        Error(Exit::preflight, "the input holds no document").hint("a JSONL line needs text under --jsonl-key {}", options.jsonl_key));
  }
  const DatasetCard card = card_of(options, settings, chunks, *tokenizer, writer);
  publish(options, card, writer, folder);
  return {card, false, resumed_bytes};
}

}  // namespace llmrun
