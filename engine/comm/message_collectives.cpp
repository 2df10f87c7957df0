#include "engine/comm/message_collectives.h"

#include <cstring>

#include "engine/comm/reduce.h"
#include "engine/core/layout.h"

namespace llmrun {
namespace {

/// Up to here everybody sends the whole tensor to everybody: one step instead of two. Two ranks move no more bytes that way, and only
/// sum twice as much.
constexpr size_t kSmall = 16 * 1024;
constexpr size_t kSmallForTwo = 256 * 1024;
/// Above so many ranks a small sum goes through rank 0: 2 (n - 1) messages instead of n (n - 1).
constexpr int kMostDirect = 16;

template <typename Function>
void for_others(const MessagePort& port, Function function) {
  // From the next rank on, so that not all of them write to rank 0 first.
  for (int step = 1; step < port.size(); ++step) function((port.rank() + step) % port.size());
}

void copy(std::byte* to, const std::byte* from, size_t bytes) {
  if (bytes > 0 && to != from) std::memmove(to, from, bytes);
}

/// Everybody's copy of one piece: those of the others as they arrive, and this rank's own where it lies.
class Pieces {
 public:
  Pieces(const MessagePort& port, const std::byte* own, size_t bytes)
      : rank_(port.rank()),
        bytes_(bytes),
        own_(own),
        received_(std::make_unique_for_overwrite<std::byte[]>(bytes * port.size())),
        inputs_(port.size()) {
    for (int r = 0; r < port.size(); ++r) inputs_[r] = r == rank_ ? own_ : received_.get() + r * bytes_;
  }
  std::span<std::byte> from(int rank) { return {received_.get() + rank * bytes_, bytes_}; }
  void reduce(const Call& call, std::byte* out) const {
    reduce_in_rank_order(call.element, call.how, inputs_, std::span(&out, 1), static_cast<int64_t>(bytes_ / size_of(call.element)));
  }

 private:
  int rank_;
  size_t bytes_;
  const std::byte* own_;
  std::unique_ptr<std::byte[]> received_;
  std::vector<const std::byte*> inputs_;
};

std::shared_ptr<Arrivals> all_reduce_small(MessagePort& port, uint64_t tag, const Call& call, const std::byte* in, std::byte* out) {
  const size_t bytes = call.count * size_of(call.element);
  auto pieces = std::make_shared<Pieces>(port, in, bytes);
  auto done = std::make_shared<Arrivals>(port.size() - 1, [pieces, call, out] { pieces->reduce(call, out); });
  for_others(port, [&](int peer) { port.send(peer, tag, call, {in, bytes}); });
  for_others(port, [&](int peer) { port.receive(peer, tag, call, pieces->from(peer), done); });
  return done;
}

std::shared_ptr<Arrivals> all_reduce_by_root(MessagePort& port, uint64_t tag, const Call& call, const std::byte* in, std::byte* out) {
  const size_t bytes = call.count * size_of(call.element);
  const Call spread{.verb = Verb::all_reduce, .root = 0, .count = static_cast<int64_t>(bytes)};
  if (port.rank() != 0) {
    port.send(0, tag, call, {in, bytes});
    return broadcast_by_messages(port, tag + 1, spread, nullptr, out);
  }
  auto pieces = std::make_shared<Pieces>(port, in, bytes);
  auto done = std::make_shared<Arrivals>(port.size() - 1, [=, &port] {
    pieces->reduce(call, out);
    broadcast_by_messages(port, tag + 1, spread, nullptr, out);
  });
  for_others(port, [&](int peer) { port.receive(peer, tag, call, pieces->from(peer), done); });
  return done;
}

std::shared_ptr<Arrivals> all_reduce_large(MessagePort& port, uint64_t tag, const Call& call, const std::byte* in, std::byte* out) {
  const size_t element = size_of(call.element);
  const auto piece_begin = [=, n = port.size()](int rank) { return part(call.count, n, rank).begin * element; };
  const auto piece_bytes = [=, n = port.size()](int rank) { return part(call.count, n, rank).size() * element; };
  std::byte* own_out = out + piece_begin(port.rank());
  const size_t own_bytes = piece_bytes(port.rank());

  auto pieces = std::make_shared<Pieces>(port, in + piece_begin(port.rank()), own_bytes);
  auto done = std::make_shared<Arrivals>(port.size());  // the others' sums, and this rank's
  auto summed = std::make_shared<Arrivals>(port.size() - 1, [=, &port] {
    pieces->reduce(call, own_out);
    for_others(port, [&](int peer) { port.send(peer, tag + 1, call, {own_out, own_bytes}); });
    port.arrived(done);
  });
  for_others(port, [&](int peer) { port.send(peer, tag, call, {in + piece_begin(peer), piece_bytes(peer)}); });
  // Only now may sums overwrite the input (it is the output too): every piece of it has been sent.
  for_others(port, [&](int peer) { port.receive(peer, tag + 1, call, {out + piece_begin(peer), piece_bytes(peer)}, done); });
  for_others(port, [&](int peer) { port.receive(peer, tag, call, pieces->from(peer), summed); });
  return done;
}

}  // namespace

std::shared_ptr<Arrivals> all_reduce_by_messages(MessagePort& port, uint64_t tag, const Call& call, const std::byte* in, std::byte* out) {
  const bool small = call.count * size_of(call.element) <= (port.size() == 2 ? kSmallForTwo : kSmall);
  if (!small) return all_reduce_large(port, tag, call, in, out);
  return port.size() > kMostDirect ? all_reduce_by_root(port, tag, call, in, out) : all_reduce_small(port, tag, call, in, out);
}

std::shared_ptr<Arrivals> all_gather_by_messages(MessagePort& port, uint64_t tag, const Call& call, const std::byte* in, std::byte* out) {
  const size_t bytes = call.count / port.size();
  auto done = std::make_shared<Arrivals>(port.size() - 1);
  for_others(port, [&](int peer) { port.send(peer, tag, call, {in, bytes}); });
  copy(out + port.rank() * bytes, in, bytes);
  for_others(port, [&](int peer) { port.receive(peer, tag, call, {out + peer * bytes, bytes}, done); });
  return done;
}

std::shared_ptr<Arrivals> reduce_scatter_by_messages(MessagePort& port, uint64_t tag, const Call& call, const std::byte* in,
                                                     std::byte* out) {
  const size_t bytes = call.count / port.size() * size_of(call.element);
  auto pieces = std::make_shared<Pieces>(port, in + port.rank() * bytes, bytes);
  auto done = std::make_shared<Arrivals>(port.size() - 1, [pieces, call, out] { pieces->reduce(call, out); });
  for_others(port, [&](int peer) { port.send(peer, tag, call, {in + peer * bytes, bytes}); });
  for_others(port, [&](int peer) { port.receive(peer, tag, call, pieces->from(peer), done); });
  return done;
}

std::shared_ptr<Arrivals> broadcast_by_messages(MessagePort& port, uint64_t tag, const Call& call, const std::byte*, std::byte* out) {
  const int n = port.size();
  const int place = (port.rank() - call.root + n) % n;  // in the tree; the root's is 0
  const size_t bytes = call.count;
  int span = 1;  // the parent is `place` without its lowest bit; children add a bit below it
  while (span < n && (place & span) == 0) span *= 2;
  const auto pass_on = [=, &port] {
    for (int bit = span / 2; bit > 0; bit /= 2) {
      if (place + bit < n) port.send((place + bit + call.root) % n, tag, call, {out, bytes});
    }
  };
  if (place == 0) {
    pass_on();
    return std::make_shared<Arrivals>(0);
  }
  auto done = std::make_shared<Arrivals>(1, pass_on);
  port.receive((place - span + call.root) % n, tag, call, {out, bytes}, done);
  return done;
}

std::shared_ptr<Arrivals> all_to_all_by_messages(MessagePort& port, uint64_t tag, const Call& call, const std::byte* in, std::byte* out) {
  const size_t bytes = call.count / port.size();
  auto done = std::make_shared<Arrivals>(port.size() - 1);
  for_others(port, [&](int peer) { port.send(peer, tag, call, {in + peer * bytes, bytes}); });
  copy(out + port.rank() * bytes, in + port.rank() * bytes, bytes);
  for_others(port, [&](int peer) { port.receive(peer, tag, call, {out + peer * bytes, bytes}, done); });
  return done;
}

namespace {

/// Round by round, each waits for the rank 2^round before it and tells the one 2^round behind it (Hensgen, Finkel and Manber 1988): after
/// log2(n) rounds everybody has heard of everybody.
void next_round(MessagePort& port, uint64_t tag, const Call& call, int distance, const std::shared_ptr<Arrivals>& done) {
  const int n = port.size();
  if (distance >= n) return port.arrived(done);
  const auto heard = std::make_shared<Arrivals>(1, [=, &port] { next_round(port, tag, call, 2 * distance, done); });
  port.send((port.rank() + distance) % n, tag, call, {});
  port.receive((port.rank() + n - distance) % n, tag, call, {}, heard);
}

}  // namespace

std::shared_ptr<Arrivals> barrier_by_messages(MessagePort& port, uint64_t tag, const Call& call, const std::byte*, std::byte*) {
  const auto done = std::make_shared<Arrivals>(1);
  next_round(port, tag, call, 1, done);
  return done;
}

}  // namespace llmrun
