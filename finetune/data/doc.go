// Package data holds data sets and turns them into the batches that a training takes.
//
// # Data sets
//
// A [Dataset] has samples with named [Field]s and reads any of them into tensors that it is handed. [Arrays] are tensors that you have, [ReadNPY] and [ReadNPZ] files
// of NumPy, [CSV] tables, [Pictures] a folder with one sub-folder of pictures for each class, [MNIST] files in the format of that data set. Your own is three methods.
// Text, rows and declared sizes in files are checked before memory is asked for, and errors tell file, row and column.
//
// # Making one of another
//
// [Split], [SplitStratified], [Subset], [Concat], [Rename] and [Map] combine data sets, [Collect] keeps one in memory, and [Transform] applies steps such as
// [Normalize], [RandomCrop], [RandomFlip], [RandomAffine] and [Cutout] to one field.
//
// # Batches
//
// A [Loader] shuffles, prepares batches beside the training and gives them in order, in tensors that are used again. What an epoch has is a function of the seed and
// the number of the epoch, augmentation included, so that a training that was stopped in mid-epoch goes on with the batches that it would have seen, whatever
// the number of goroutines.
package data
