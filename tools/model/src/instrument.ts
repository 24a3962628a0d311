/**
 * Makes functions say when they are entered and left, and loops when they begin anew, so that a party's history can be told by
 * what came of it (frames.ts).
 */
import ts from 'typescript';

const { factory } = ts;

/** A transformer for `ts.transpileModule`: calls `$call`, `$loop` and `$module`, which the module has to get as globals. */
export const instrument: ts.TransformerFactory<ts.SourceFile> = (context) => (file) => {
  const visit = (node: ts.Node): ts.Node => {
    const inner = ts.visitEachChild(node, visit, context);
    if (isPlainFunction(inner) && inner.body !== undefined) return withBody(inner, wrapped(inner.body));
    if (isLoop(inner) && isLoop(node)) {
      const locals = localsAt(node);
      if (locals !== undefined) return withLoopBody(inner, locals);
    }
    return inner;
  };
  const instrumented = ts.visitEachChild(file, visit, context);
  const names = file.statements.flatMap((statement) =>
    ts.isVariableStatement(statement) && statement.modifiers === undefined // what is exported is constant
      ? namesOf(statement.declarationList)
      : [],
  );
  return factory.updateSourceFile(instrumented, [
    ...instrumented.statements,
    factory.createExpressionStatement(call('$module', list(names))),
  ]);
};

type PlainFunction =
  ts.MethodDeclaration | ts.FunctionDeclaration | ts.ArrowFunction | ts.AccessorDeclaration;
type Loop = ts.ForStatement | ts.WhileStatement;

/** Constructors make no steps of their own; generators and async functions are left at other times than they return. */
function isPlainFunction(node: ts.Node): node is PlainFunction {
  if (
    !ts.isMethodDeclaration(node) &&
    !ts.isFunctionDeclaration(node) &&
    !ts.isArrowFunction(node) &&
    !ts.isAccessor(node)
  ) {
    return false;
  }
  const isAsync = node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.AsyncKeyword) ?? false;
  return !isAsync && !('asteriskToken' in node && node.asteriskToken !== undefined);
}

function isLoop(node: ts.Node): node is Loop {
  return ts.isForStatement(node) || ts.isWhileStatement(node);
}

/** `return $call(() => body)`. */
function wrapped(body: ts.ConciseBody): ts.Block {
  return factory.createBlock([factory.createReturnStatement(call('$call', arrow(body)))]);
}

function withBody(node: PlainFunction, body: ts.Block): ts.Node {
  if (ts.isArrowFunction(node)) {
    const { modifiers, typeParameters, parameters, type, equalsGreaterThanToken } = node;
    return factory.updateArrowFunction(
      node,
      modifiers,
      typeParameters,
      parameters,
      type,
      equalsGreaterThanToken,
      body,
    );
  }
  if (ts.isFunctionDeclaration(node)) {
    const { modifiers, asteriskToken, name, typeParameters, parameters, type } = node;
    return factory.updateFunctionDeclaration(
      node,
      modifiers,
      asteriskToken,
      name,
      typeParameters,
      parameters,
      type,
      body,
    );
  }
  if (ts.isMethodDeclaration(node)) {
    const { modifiers, asteriskToken, name, questionToken, typeParameters, parameters, type } = node;
    return factory.updateMethodDeclaration(
      node,
      modifiers,
      asteriskToken,
      name,
      questionToken,
      typeParameters,
      parameters,
      type,
      body,
    );
  }
  const { modifiers, name, parameters } = node;
  return ts.isGetAccessor(node)
    ? factory.updateGetAccessorDeclaration(node, modifiers, name, parameters, node.type, body)
    : factory.updateSetAccessorDeclaration(node, modifiers, name, parameters, body);
}

function withLoopBody(node: Loop, locals: readonly string[]): ts.Node {
  const told = call('$loop', list(locals));
  const body = factory.createBlock([factory.createExpressionStatement(told), node.statement]);
  return ts.isWhileStatement(node)
    ? factory.updateWhileStatement(node, node.expression, body)
    : factory.updateForStatement(node, node.initializer, node.condition, node.incrementor, body);
}

/** What a function remembers where a loop begins anew; undefined when more than variables is remembered there. */
function localsAt(loop: Loop): readonly string[] | undefined {
  const names: string[] = [];
  if (
    ts.isForStatement(loop) &&
    loop.initializer !== undefined &&
    ts.isVariableDeclarationList(loop.initializer)
  )
    names.push(...namesOf(loop.initializer));
  let inner: ts.Node = loop;
  for (let at = ts.getOriginalNode(loop).parent; ; inner = at, at = at.parent) {
    if (ts.isSourceFile(at)) return undefined;
    if (ts.isForOfStatement(at) || ts.isForInStatement(at)) return undefined;
    if (ts.isTryStatement(at) && at.finallyBlock === inner) return undefined;
    if (ts.isForStatement(at) && at.initializer !== undefined && ts.isVariableDeclarationList(at.initializer))
      names.push(...namesOf(at.initializer));
    if (ts.isCatchClause(at) && at.variableDeclaration !== undefined)
      names.push(...namesOfBinding(at.variableDeclaration.name));
    if (ts.isBlock(at)) {
      for (const statement of at.statements) {
        if (statement === inner) break;
        if (ts.isVariableStatement(statement)) names.push(...namesOf(statement.declarationList));
      }
    }
    if (ts.isFunctionLike(at)) {
      names.push(...at.parameters.flatMap(({ name }) => namesOfBinding(name)));
      return isPlainFunction(at) ? names : undefined;
    }
  }
}

function namesOf({ declarations }: ts.VariableDeclarationList): string[] {
  return declarations.flatMap(({ name }) => namesOfBinding(name));
}

function namesOfBinding(name: ts.BindingName): string[] {
  if (ts.isIdentifier(name)) return [name.text];
  return name.elements.flatMap((element) =>
    ts.isOmittedExpression(element) ? [] : namesOfBinding(element.name),
  );
}

function call(name: string, ...operands: ts.Expression[]): ts.CallExpression {
  return factory.createCallExpression(factory.createIdentifier(name), undefined, operands);
}

function arrow(body: ts.ConciseBody): ts.ArrowFunction {
  return factory.createArrowFunction(undefined, undefined, [], undefined, undefined, body);
}

/** `() => [names]`. */
function list(names: readonly string[]): ts.ArrowFunction {
  return arrow(factory.createArrayLiteralExpression(names.map((name) => factory.createIdentifier(name))));
}
