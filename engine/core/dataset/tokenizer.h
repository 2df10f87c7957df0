#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace llmrun {

/// Text to token ids and back. Immutable after it is opened: any number of threads may use one at once.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  virtual std::string name() const = 0;  // what open_tokenizer was given
  /// Every id is in [0, vocab()).
  virtual int64_t vocab() const = 0;
  /// The id that ends a document, where the vocabulary has one; `data prepare` appends it, `generate` may stop at it.
  virtual std::optional<int64_t> document_end() const = 0;
  /// Appends the ids of `text` (UTF-8).
  virtual void encode(std::string_view text, std::vector<int32_t>& ids) const = 0;
  /// Ids outside the vocabulary (a model's may be larger) become U+FFFD. The bytes tokenizer returns the bytes, UTF-8 or not.
  virtual std::string decode(std::span<const int64_t> ids) const = 0;
};

/// "bytes": an id for each byte, 256 of them. "spm:MODEL": a SentencePiece model file. Throws Error(Exit::preflight) where the model
/// cannot be read, or where SentencePiece is not installed here; Error(Exit::usage) for another name.
std::unique_ptr<Tokenizer> open_tokenizer(const std::string& name);

/// A new SentencePiece model of exactly `vocab` pieces from lines of text, as bytes for a file: BPE with bytes for what it does not know,
/// nothing normalised, so that decode(encode(text)) == text (but for U+2581, which SentencePiece takes for a space). The same lines give
/// the same model. Throws Error(Exit::preflight) where the text does not yield so many pieces.
std::string train_sentencepiece(const std::vector<std::string>& lines, int64_t vocab);

}  // namespace llmrun
