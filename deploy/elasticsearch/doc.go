// Package elasticsearch tests that the shipping configuration in this folder fits the
// lines that the audit log really has.
package elasticsearch
